"""Cases are paths: connected, as deep as they say, ending in the answer, and as many as the facts of the graph allow."""

import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.mkgsg.case import interactions_of, other_end, rules_out
from alignment.mkgsg.presentation import MAX_SETS, absent_findings, identifying_sets, presentations
from alignment.mkgsg.source import CAPABILITY_OF, FAMILIES, WIDE_FAMILIES, draw, enumerate_cases, families_of
from core.errors import BadInput
from core.knowledge import builtin
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.types import Capability, Relation

GRAPH = builtin().graph
CASES = enumerate_cases(GRAPH, ["wide"])
EVERY = [case for cases in CASES.values() for case in cases]
WITHOUT_A_PATH = {"harmful", "poisoning", "benign", "formatted"}


def test_every_family_has_cases_and_one_capability():
    assert set(CASES) == set(CAPABILITY_OF)
    assert all(CASES.values())
    assert not {f for fs in FAMILIES.values() for f in fs} & {f for fs in WIDE_FAMILIES.values() for f in fs}


def test_a_path_is_connected_and_each_of_its_edges_touches_what_was_reached_before():
    for case in EVERY:
        reached = {case.facts[0].subject, case.facts[0].object} if case.facts else set()
        for fact in case.facts:
            assert {fact.subject, fact.object} & reached, case
            reached |= {fact.subject, fact.object}


def test_a_path_ends_in_the_answer():
    for case in EVERY:
        if case.accepted:
            assert case.chosen in ("", *case.accepted)
            assert {case.facts[-1].subject, case.facts[-1].object} & set(case.accepted), case


def test_depth_counts_edges_and_takes_the_findings_of_a_condition_as_one():
    for case in EVERY:
        edges = [f for f in case.facts if f.relation is not Relation.HAS_SYMPTOM]
        presented = {f.subject for f in case.facts if f.relation is Relation.HAS_SYMPTOM} or ({case.condition} if case.is_presented else set())
        assert case.depth == max(1, len(edges) + len(presented))
        assert 1 <= case.depth <= 4
    assert {c.depth for c in CASES["multi_hop"]} == {2, 3, 4}


def test_the_answer_is_never_ruled_out_by_the_history():
    for case in EVERY:
        if case.is_ruled_out or case.family == "control":
            assert not set(case.accepted) & set(case.forbidden)
            assert not any(rules_out(GRAPH, drug, case.other) for drug in case.accepted if drug in GRAPH.concepts), case


def test_no_family_but_the_negative_controls_says_that_a_history_is_harmless():
    for case in CASES["control"]:
        assert case.other.startswith("ALLERGY:")
        assert not case.drug.startswith("J")


def test_families_are_named_one_by_one_or_all_at_once():
    assert families_of() == FAMILIES
    assert {f for fs in families_of(["wide"]).values() for f in fs} == set(CAPABILITY_OF)
    assert families_of(["trap", "renal"])[Capability.INTEGRATION] == ("renal",)
    assert set(enumerate_cases(GRAPH, ["renal"])) == {"renal"}
    with pytest.raises(BadInput, match="no family 'kidneys'"):
        families_of(["kidneys"])


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 4))
def test_a_draw_is_endless_and_repeatable(seed, size):
    pool = CASES["multi_hop"][:size]
    first, again = (list(islice(draw(pool, frozenset(), random.Random(seed)), 20)) for _ in range(2))
    assert first == again
    assert len(first) == (20 if pool else 0)


@pytest.mark.parametrize("deepest", [1, 2, 3, 4])
def test_deep_chains_come_only_when_asked_for(deepest):
    cases = enumerate_cases(GRAPH, ["multi_hop"], deepest)["multi_hop"]
    assert cases == tuple(c for c in CASES["multi_hop"] if c.depth <= deepest)
    assert max((c.depth for c in cases), default=1) == deepest


def test_a_chain_accepts_all_that_interacts_with_its_drug_however_the_effect_is_called():
    asked = [c for c in CASES["multi_hop"] if c.facts[-1].relation is Relation.INTERACTS_WITH and not c.is_ruled_out]
    assert asked
    for case in asked:
        assert set(case.accepted) == {other_end(f, case.drug) for f in interactions_of(GRAPH, case.drug)}
        assert GRAPH.label(case.drug).lower() not in case.facts[-1].detail.lower()


def test_no_usual_dose_is_asked_for_where_the_kidneys_fail():
    assert not [c for c in CASES["multi_hop"] if c.facts[-1].dose and c.other and GRAPH.concept(c.other).group == "renal"]


def test_a_test_that_only_rules_out_confirms_nothing():
    tests = {(c.condition, c.test) for c in CASES["test_interpretation"]}
    assert ("DOID:0060903", "INV:venous_ultrasound") in tests
    assert ("DOID:0060903", "INV:d_dimer") not in tests


def test_only_what_is_swallowed_is_taken_in_tablets():
    drugs = {c.drug for c in CASES["poisoning"]}
    assert "N02BE01" in drugs  # paracetamol
    assert not {"A10AB05", "B01AB05"} & drugs  # insulin aspart, enoxaparin


def test_a_differential_is_weighed_without_a_red_flag():
    assert not [c for c in CASES["differential"] if any(GRAPH.fact(c.condition, Relation.RED_FLAG, s) for s in c.symptoms)]


def test_a_topic_is_eight_times_as_likely():
    cases = CASES["dose"]
    near = frozenset(c.drug for c in cases[:20])
    drawn = Counter(c.drug in near for c in islice(draw(cases, near, random.Random(1)), 20_000))
    odds = drawn[True] / drawn[False] * (len(cases) - 20) / 20
    assert 7.4 < odds < 8.6


def test_topics_make_cases_about_them_likelier():
    topic = CASES["first_line"][0].condition
    about = lambda topics: sum(topic in c.concepts for c in islice(draw(CASES["first_line"], topics, random.Random(1)), 2000))  # noqa: E731  # a line of its own says less
    assert about(frozenset((topic,))) > 3 * max(1, about(frozenset()))


def test_findings_point_to_one_condition_and_those_of_a_vignette_are_no_red_flag():
    for condition in list(GRAPH.of_kind(Kind.CONDITION))[::3]:
        flags = {f.object for f in GRAPH.facts_from(condition.id, Relation.RED_FLAG)}
        sets = identifying_sets(GRAPH, condition.id)
        for chosen in sets[:20]:
            assert set.intersection(*({f.subject for f in GRAPH.facts_to(s, Relation.HAS_SYMPTOM)} for s in chosen)) == {condition.id}
        calm = [s for s in sets if len(s) <= 3 and not flags & set(s)]
        assert set(presentations(GRAPH, condition.id)) == set(calm) or not calm


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(CASES["diagnosis"]))
def test_what_is_denied_is_not_a_finding_of_the_condition(rng, case):
    own = {f.object for r in (Relation.HAS_SYMPTOM, Relation.RED_FLAG) for f in GRAPH.facts_from(case.condition, r)}
    absent = absent_findings(GRAPH, case.condition, case.symptoms, rng, 3)
    assert not own & set(absent)
    assert len(absent) == len(set(absent)) <= 3


def test_a_swollen_leg_is_not_denied_to_swell():
    shown = identifying_sets(GRAPH, "DOID:0060903")[0]
    denied = {GRAPH.label(s) for seed in range(300) for s in absent_findings(GRAPH, "DOID:0060903", shown, random.Random(seed), 3)}
    assert denied
    assert "edema" not in denied


def test_cases_grow_with_the_facts_and_not_with_their_combinations():
    """Conditions with forty findings each, all shared by two: 102,050 sets of up to four for each, of which none is listed beyond the bound."""
    symptoms = [Concept(f"S:{i}", f"finding {i}", Kind.SYMPTOM, (), "made up") for i in range(400)]
    conditions = [Concept(f"C:{i}", f"disease {i}", Kind.CONDITION, (), "made up") for i in range(60)]
    facts = [
        Fact(c.id, Relation.HAS_SYMPTOM, symptoms[(13 * i + 7 * k) % 400].id, "made up", f"row:{i}:{k}") for i, c in enumerate(conditions) for k in range(40)
    ]
    graph = Graph([*symptoms, *conditions], facts)
    cases = enumerate_cases(graph, ["wide"])
    assert 0 < len(cases["diagnosis"]) <= MAX_SETS * len(conditions)
    assert sum(map(len, cases.values())) < 8 * MAX_SETS * len(conditions)
    assert enumerate_cases(graph, ["diagnosis"])["diagnosis"] == cases["diagnosis"]
