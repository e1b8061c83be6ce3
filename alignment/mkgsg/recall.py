"""Paths of one edge: the facts themselves."""

from alignment.mkgsg.case import Case, interactions_of, other_end
from core.knowledge.graph import Graph, Kind
from core.types import Relation

FACT_FAMILIES = ("first_line", "alternative", "symptom", "investigation", "dose", "contraindication", "interaction")


def fact_cases(graph: Graph) -> dict[str, tuple[Case, ...]]:
    found: dict[str, list[Case]] = {f: [] for f in FACT_FAMILIES}
    for condition in graph.of_kind(Kind.CONDITION):
        c = condition.id
        for family, facts in (
            ("first_line", graph.treatments(c, "first")),
            ("alternative", graph.treatments(c, "alternative")),
            ("investigation", graph.facts_from(c, Relation.INVESTIGATED_BY)),
            ("symptom", graph.facts_from(c, Relation.HAS_SYMPTOM)),
        ):
            if facts:
                objects = tuple(f.object for f in facts)
                symptoms = objects if family == "symptom" else ()
                found[family].append(Case(family, facts if symptoms else facts[:1], objects, condition=c, chosen=objects[0], symptoms=symptoms))
    for drug in graph.of_kind(Kind.DRUG):
        d = drug.id
        if dose := graph.dose(d):
            found["dose"].append(Case("dose", (dose,), drug=d))
        forbidden = graph.facts_from(d, Relation.CONTRAINDICATED_IN)
        found["contraindication"].extend(Case("contraindication", (f,), tuple(o.object for o in forbidden), drug=d, other=f.object) for f in forbidden)
        interactions = interactions_of(graph, d)
        partners = tuple(other_end(f, d) for f in interactions)
        found["interaction"].extend(Case("interaction", (f,), partners, drug=d, other=other_end(f, d)) for f in interactions)
    return {family: tuple(cases) for family, cases in found.items()}
