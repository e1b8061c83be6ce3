"""Look-ups over the graph that decide: what a condition is a kind of, what is ruled out, how two concepts hang together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.types import Relation
from tests.core.knowledge.sources import BASE, FLURB, ITCH, NSAID, ZOLIC, ZOLIMAB

CONDITIONS = [f"C:{i}" for i in range(6)]


def graph(edges: list[tuple[int, int]]) -> Graph:
    concepts = [Concept(c, c, Kind.CONDITION, (), "made up") for c in CONDITIONS]
    return Graph(concepts, [Fact(CONDITIONS[a], Relation.IS_A, CONDITIONS[b], "made up", f"f:{n}") for n, (a, b) in enumerate(edges)])


EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda e: e[0] < e[1]), max_size=12, unique=True)


def test_ancestors_come_nearest_first_and_once() -> None:
    diamond = graph([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)])
    assert diamond.ancestors("C:0") == ("C:1", "C:2", "C:3", "C:4")
    assert diamond.members("C:4") == ("C:3", "C:1", "C:2", "C:0")
    assert diamond.ancestors("C:5") == diamond.ancestors("unheard of") == ()


@given(EDGES)
def test_members_are_ancestors_read_backwards(edges: list[tuple[int, int]]) -> None:
    g = graph(edges)
    assert {(a, c) for c in CONDITIONS for a in g.ancestors(c)} == {(a, c) for a in CONDITIONS for c in g.members(a)}


@given(EDGES)
def test_a_path_is_a_shortest_connected_chain(edges: list[tuple[int, int]]) -> None:
    g = graph(edges)
    reached, layer = {"C:0": 0}, ["C:0"]
    while layer:
        near = {e for c in layer for f in g.facts if c in (f.subject, f.object) for e in (f.subject, f.object)} - reached.keys()
        reached |= dict.fromkeys(near, reached[layer[0]] + 1)
        layer = list(near)
    for goal in CONDITIONS:
        chain = g.path("C:0", goal)
        assert (len(chain) if chain is not None else None) == reached.get(goal)
        here = "C:0"
        for fact in chain or ():
            assert here in (fact.subject, fact.object)
            here = fact.object if fact.subject == here else fact.subject
        assert chain is None or here == goal


def test_what_rules_a_drug_out_of_a_condition_rules_it_out_of_every_kind_of_it() -> None:
    acute = Concept("DOID:9000003", "acute flurbosis", Kind.CONDITION, (), "made up")
    g = Graph([*BASE.graph.concepts.values(), acute], [*BASE.graph.facts, Fact(acute.id, Relation.IS_A, FLURB, "made up", "f:1")])
    rule = g.contraindication(ZOLIMAB, acute.id)
    assert rule is not None
    assert (rule.subject, rule.object) == (ZOLIMAB, FLURB)
    assert BASE.graph.contraindication(ZOLIMAB, ITCH) is None


def test_what_rules_a_class_out_rules_its_members_out() -> None:
    rule = BASE.graph.contraindication(ZOLIMAB, ZOLIC)
    assert rule is not None
    assert rule.subject == NSAID
    assert BASE.graph.contraindication("X01AA02", ZOLIC) is None


def test_drug_classes_of_the_base_have_their_drugs_as_members(knowledge: object) -> None:
    from core.knowledge import builtin

    g = builtin().graph
    for drug in g.of_kind(Kind.DRUG):
        classes = [g.concept(a) for a in g.ancestors(drug.id)]
        assert [c.label.lower() for c in classes if c.kind is Kind.CLASS] == [drug.group.lower()]
        assert drug.id in g.members(classes[0].id)


def test_a_sentence_says_no_effect_and_no_line_that_the_source_does_not() -> None:
    g = BASE.graph
    interaction = g.sentence(Fact(ZOLIMAB, Relation.INTERACTS_WITH, "X01AA02", "s", "r", severity="critical"))
    assert interaction == "Zolimab interacts with quorizone (critical)."
    treatment = g.sentence(Fact(FLURB, Relation.TREATED_BY, "X01AA02", "s", "r"))
    assert "quorizone" in treatment
    assert "first" not in treatment
    assert "lternative" not in treatment


def test_a_concept_is_found_by_its_other_ids_too() -> None:
    g = Graph([Concept("A:1", "a", Kind.SYMPTOM, (), "s", also_ids=("B:7",))], [])
    assert g.find("B:7") == g.find("A:1") == g.concept("A:1")
    assert g.find("B:8") is None
    with pytest.raises(NotFound, match="B:7"):
        g.concept("B:7")


def test_a_name_that_is_not_looked_for_is_still_a_name() -> None:
    concept = Concept("A:1", "cold", Kind.CONDITION, ("coryza",), "s", unlinked=("cold",))
    assert concept.names == ("coryza",)
