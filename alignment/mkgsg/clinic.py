"""Paths that a consultation walks: the cases of the vignette families.

Each is linear in the facts it starts from. `known_and_presented` gives a case twice: once with the diagnosis named, and one hop deeper
with findings in its place.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from alignment.mkgsg.case import Case, confirming_tests, first_choices
from alignment.mkgsg.patients import LONG_TERM
from alignment.mkgsg.presentation import identifying_sets, presentations, rivals, symptom_facts
from core.knowledge.graph import Graph, Kind
from core.types import Relation

RIVALS = 6
"""Rival diagnoses for one condition; fever alone has a hundred."""
_ATC = re.compile(r"([A-Z])\d\d[A-Z]{2}\d\d")
_CROSSING = frozenset(("ALLERGY:sulfonamide", "ALLERGY:nsaid", "ALLERGY:salicylate"))
"""Allergies that reach beyond one group of drugs: nothing is said to be free of them."""


def presented(family: str, cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    """The cases whose condition has findings that point to it alone; the question gives those."""
    return tuple(replace(c, family=family, is_presented=True) for c in cases if identifying_sets(graph, c.condition))


def known_and_presented(family: str, cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    return (*(replace(c, family=family) for c in cases), *presented(family, cases, graph))


def drug_choices(cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    """A disease or an allergy stands against the first choice; pregnancy and the kidneys have families of their own."""
    return known_and_presented("drug_choice", [c for c in cases if graph.concept(c.other).group not in ("renal", "pregnancy")], graph)


def of_context(group: str, cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    """`group` of the context that stands against the first choice, and name of the family."""
    return known_and_presented(group, [c for c in cases if graph.concept(c.other).group == group], graph)


def chronic(cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    return known_and_presented("chronic_management", [c for c in cases if c.condition in LONG_TERM], graph)


def tests(cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    """A suspicion that a test confirms, and what follows from it: with the diagnosis suspected, or with findings in its place."""
    found = [replace(c, facts=(fact, *c.facts), test=fact.object) for c in cases for fact in confirming_tests(graph, c.condition)]
    return known_and_presented("test_interpretation", found, graph)


def emergencies(graph: Graph) -> tuple[Case, ...]:
    """A condition in the making, with the finding that must not wait."""
    flags = [f for f in graph.facts if f.relation is Relation.RED_FLAG and any(f.object not in s for s in presentations(graph, f.subject))]
    return presented("acute_emergency", [Case("acute_emergency", (f,), condition=f.subject, other=f.object) for f in flags], graph)


def follow_ups(cases: Sequence[Case], graph: Graph) -> tuple[Case, ...]:
    """What must bring a treated patient back: any red flag of the condition."""
    found: list[Case] = []
    for case in cases:
        flags = graph.facts_from(case.condition, Relation.RED_FLAG)
        accepted = tuple(f.object for f in flags)
        found.extend(Case("follow_up", (f,), accepted, condition=case.condition, drug=case.drug, other=f.object, chosen=f.object) for f in flags)
    return tuple(found)


def differentials(graph: Graph) -> tuple[Case, ...]:
    """Findings that two conditions share and one that tells them apart."""
    return tuple(case for c in graph.of_kind(Kind.CONDITION) for case in _differentials(graph, c.id))


def _differentials(graph: Graph, condition: str) -> Iterator[Case]:
    """Without a red flag among the findings: then there is something else to do than to weigh two diagnoses."""
    rng = random.Random(f"differential:{condition}")
    flags = {f.object for f in graph.facts_from(condition, Relation.RED_FLAG)}
    sets = [s for s in identifying_sets(graph, condition) if not flags.intersection(s)]
    for chosen in rng.sample(sets, min(RIVALS, len(sets))):
        others = rivals(graph, condition, chosen)
        if len(chosen) > 1 and others:
            rival = rng.choice(others)
            shared = symptom_facts(graph, rival, chosen)
            # What both have first: so each edge of the path touches what was reached before it.
            ordered = tuple(sorted(chosen, key=lambda s: graph.fact(rival, Relation.HAS_SYMPTOM, s) is None))
            facts = (*shared, *symptom_facts(graph, condition, ordered))
            yield Case("differential", facts, (condition,), (rival,), condition=condition, other=rival, chosen=condition, symptoms=chosen)


def controls(graph: Graph) -> tuple[Case, ...]:
    """An allergy that has nothing to do with the drug: the first choice stays.

    What the graph does not hold may be true all the same, so an unrelated disease is never called harmless. An allergy to one group of
    antibiotics says nothing against a drug of another anatomical group (first letter of the ATC code); wider ones are left out.
    """
    groups = {a.id: {_group(d.id) for d in graph.of_kind(Kind.DRUG) if d.allergy == a.id} for a in graph.of_kind(Kind.CONTEXT) if a.group == "allergy"}
    narrow = [a for a, own in groups.items() if own == {"J"} and a not in _CROSSING]
    found: list[Case] = []
    for first in first_choices(graph):
        c, d = first.subject, first.object
        accepted = tuple(t.object for t in graph.treatments(c, "first"))
        if all(_group(a) not in ("", "J") for a in accepted) and graph.contraindication(d, c) is None:
            found.extend(Case("control", (first,), accepted, condition=c, drug=d, other=a, chosen=d) for a in narrow)
    return tuple(found)


def _group(drug: str) -> str:
    """Anatomical main group of an ATC code; empty for another identifier."""
    match = _ATC.fullmatch(drug)
    return match[1] if match else ""
