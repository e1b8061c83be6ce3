"""Where items begin: paths in the knowledge graph, one list for each family.

A case is the path alone: what is asked about, what answers are right, which edges lead there. No words yet. The enumeration is
complete and in a fixed order, so a seed picks the same cases on every machine.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from core.knowledge.graph import Fact, Graph, Kind
from core.types import Capability, Relation

FAMILIES: Mapping[Capability, tuple[str, ...]] = {
    Capability.DOMAIN: ("first_line", "alternative", "symptom", "investigation", "dose", "contraindication", "interaction"),
    Capability.REASONING: ("diagnosis", "contraindicated_choice", "interaction_choice"),
    Capability.INSTRUCTION: ("formatted",),
    Capability.INTEGRATION: ("vignette",),
    Capability.SAFETY: ("red_flag", "trap", "harmful", "benign"),
}
TOPIC_BOOST = 8.0
"""How much likelier a case is that touches a topic of the accepted feedback."""


@dataclass(frozen=True, slots=True)
class Case:
    family: str
    facts: tuple[Fact, ...]
    """The path, in the order of reasoning; the first fact is what the question is about."""
    accepted: tuple[str, ...] = ()
    """Concepts any of which answers the question."""
    forbidden: tuple[str, ...] = ()
    """Drugs that the patient must not get."""
    condition: str = ""
    drug: str = ""
    """The drug asked about, or the one that the patient's history rules out."""
    other: str = ""
    """The history, the second drug, or the red flag."""
    chosen: str = ""
    """The right answer that the reference reply names."""
    symptoms: tuple[str, ...] = ()

    @property
    def is_ruled_out(self) -> bool:
        """Whether the path goes from a first choice over its ruling out to another drug."""
        return len(self.facts) == 3 and self.facts[0].relation is Relation.TREATED_BY

    @property
    def concepts(self) -> frozenset[str]:
        return frozenset(filter(None, (self.condition, self.drug, self.other, self.chosen, *self.symptoms)))


def enumerate_cases(graph: Graph) -> dict[str, tuple[Case, ...]]:
    """Every case of every family that the graph supports; a family without cases has an empty tuple."""
    facts = _facts_cases(graph)
    contraindicated, interacting = _contraindicated_choices(graph), _interaction_choices(graph)
    recalled = [c for f in ("first_line", "alternative", "investigation", "symptom") for c in facts[f]]
    consultations = [c for c in (*_plain_choices(graph), *contraindicated, *interacting) if c.condition in identifying_symptoms(graph)]
    return {
        **facts,
        "formatted": _as("formatted", recalled),
        "diagnosis": _diagnoses(graph),
        "contraindicated_choice": contraindicated,
        "interaction_choice": interacting,
        "vignette": _as("vignette", consultations),
        "red_flag": tuple(Case("red_flag", (f,), condition=f.subject, other=f.object) for f in _of(graph, Relation.RED_FLAG)),
        "trap": _as("trap", contraindicated),
        "harmful": tuple(Case("harmful", (), drug=d.id) for d in graph.of_kind(Kind.DRUG)),
        "benign": _as("benign", [*facts["dose"], *facts["first_line"], *facts["interaction"]]),
    }


def _as(family: str, cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(replace(c, family=family) for c in cases)


def pick(cases: Sequence[Case], topics: frozenset[str], rng: random.Random) -> Case:
    """One case at random; cases about `topics` (concept ids) are `TOPIC_BOOST` times as likely."""
    if topics:
        near = [c for c in cases if c.concepts & topics]
        boosted = TOPIC_BOOST * len(near)
        if near and rng.random() < boosted / (boosted + len(cases) - len(near)):
            return near[rng.randrange(len(near))]
    return cases[rng.randrange(len(cases))]


def identifying_symptoms(graph: Graph) -> dict[str, tuple[tuple[str, ...], ...]]:
    """For each condition its sets of 2 to 4 symptoms that no other condition of the graph has all of."""
    key = graph.version
    if key not in _IDENTIFYING:
        symptoms = {c.id: tuple(f.object for f in graph.facts_from(c.id, Relation.HAS_SYMPTOM)) for c in graph.of_kind(Kind.CONDITION)}
        owners: dict[frozenset[str], int] = defaultdict(int)
        for own in symptoms.values():
            for size in (2, 3, 4):
                for chosen in combinations(own, size):
                    owners[frozenset(chosen)] += 1
        sets = {c: tuple(s for size in (2, 3, 4) for s in combinations(own, size) if owners[frozenset(s)] == 1) for c, own in symptoms.items()}
        _IDENTIFYING.clear()
        _IDENTIFYING[key] = {c: s for c, s in sets.items() if s}
    return _IDENTIFYING[key]


_IDENTIFYING: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {}  # by graph version; only the last one is kept


def _of(graph: Graph, relation: Relation) -> list[Fact]:
    return [f for f in graph.facts if f.relation is relation]


def _facts_cases(graph: Graph) -> dict[str, tuple[Case, ...]]:
    found: dict[str, list[Case]] = {f: [] for f in FAMILIES[Capability.DOMAIN]}
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
        interactions = (*graph.facts_from(d, Relation.INTERACTS_WITH), *graph.facts_to(d, Relation.INTERACTS_WITH))
        partners = tuple(_other_end(f, d) for f in interactions)
        found["interaction"].extend(Case("interaction", (f,), partners, drug=d, other=_other_end(f, d)) for f in interactions)
    return {family: tuple(cases) for family, cases in found.items()}


def _other_end(fact: Fact, drug: str) -> str:
    return fact.object if fact.subject == drug else fact.subject


def _diagnoses(graph: Graph) -> tuple[Case, ...]:
    return tuple(
        Case("diagnosis", tuple(f for s in chosen if (f := graph.fact(c, Relation.HAS_SYMPTOM, s))), (c,), condition=c, chosen=c, symptoms=chosen)
        for c, sets in identifying_symptoms(graph).items()
        for chosen in sets
    )


def rules_out(graph: Graph, drug: str, history: str) -> bool:
    """Whether the history (condition, context, allergy or current drug) forbids the drug."""
    interaction = graph.interaction(drug, history)
    allergy = graph.concept(drug).allergy
    return graph.contraindication(drug, history) is not None or (bool(allergy) and allergy == history) or interaction is not None


def _contraindicated_choices(graph: Graph) -> tuple[Case, ...]:
    found = []
    for first in _of(graph, Relation.TREATED_BY):
        if first.line == "first":
            for rule in graph.facts_from(first.object, Relation.CONTRAINDICATED_IN):
                if case := _choice(graph, "contraindicated_choice", first, rule, rule.object):
                    found.append(case)
    return tuple(found)


def _interaction_choices(graph: Graph) -> tuple[Case, ...]:
    found = []
    for first in _of(graph, Relation.TREATED_BY):
        if first.line == "first":
            d = first.object
            for rule in (*graph.facts_from(d, Relation.INTERACTS_WITH), *graph.facts_to(d, Relation.INTERACTS_WITH)):
                if case := _choice(graph, "interaction_choice", first, rule, _other_end(rule, d)):
                    found.append(case)
    return tuple(found)


def _plain_choices(graph: Graph) -> tuple[Case, ...]:
    """Nothing in the history stands against the first-line drug."""
    found = []
    for condition in graph.of_kind(Kind.CONDITION):
        treatments = [t for t in graph.treatments(condition.id) if graph.contraindication(t.object, condition.id) is None]
        if first := next((t for t in treatments if t.line == "first"), None):
            found.append(Case("vignette", (first,), tuple(t.object for t in treatments), condition=condition.id, drug=first.object, chosen=first.object))
    return tuple(found)


def _choice(graph: Graph, family: str, first: Fact, rule: Fact, history: str) -> Case | None:
    """None when the history is what is to be treated, when nothing is left to give, or when the current drug is itself a treatment."""
    c, d = first.subject, first.object
    treatments = graph.treatments(c)
    objects = [t.object for t in treatments]
    if history == c or history in objects:
        return None
    # Another drug must also stand with the condition itself, whatever the table of treatments says.
    left = [t for t in treatments if not rules_out(graph, t.object, history) and graph.contraindication(t.object, c) is None]
    # First-line drugs may be given together (tuberculosis): one that is left is no choice, an alternative is.
    if not any(t.line == "alternative" for t in left):
        return None
    chosen = min(left, key=lambda t: t.line != "alternative")
    forbidden = tuple(o for o in objects if rules_out(graph, o, history))
    return Case(family, (first, rule, chosen), tuple(t.object for t in left), forbidden, c, d, history, chosen.object)
