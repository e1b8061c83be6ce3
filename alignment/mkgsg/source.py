"""Stage 1, source: where items begin. Paths in the knowledge graph, one list for each family, and an endless draw from them.

The lists are in a fixed order, so a seed draws the same cases on every machine. They grow with the facts of the graph, not with their
combinations: what a vignette says besides its path (findings, negatives, the patient) is drawn when it is written.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from alignment.mkgsg import chains, clinic
from alignment.mkgsg.case import Case
from alignment.mkgsg.choices import contraindicated_choices, interaction_choices, plain_choices
from alignment.mkgsg.presentation import identifying_symptoms, symptom_facts
from alignment.mkgsg.recall import FACT_FAMILIES, fact_cases
from core.errors import BadInput
from core.knowledge.graph import Graph, Kind
from core.types import Capability, Relation

FAMILIES: Mapping[Capability, tuple[str, ...]] = {
    Capability.DOMAIN: ("first_line", "alternative", "symptom", "investigation", "dose", "contraindication", "interaction"),
    Capability.REASONING: ("diagnosis", "contraindicated_choice", "interaction_choice"),
    Capability.INSTRUCTION: ("formatted",),
    Capability.INTEGRATION: ("vignette",),
    Capability.SAFETY: ("red_flag", "trap", "harmful", "benign"),
}
"""What the starter model has learnt: the families of a round unless its recipe names others."""
WIDE_FAMILIES: Mapping[Capability, tuple[str, ...]] = {
    Capability.DOMAIN: (),
    Capability.REASONING: ("differential", "multi_hop", "control"),
    Capability.INSTRUCTION: ("constrained",),
    Capability.INTEGRATION: (
        *("chronic_management", "drug_choice", "interaction_check", "renal", "pregnancy", "test_interpretation", "medication_review"),
        "clinical_note",
    ),
    Capability.SAFETY: ("acute_emergency", "follow_up", "poisoning"),
}
"""The clinical workflow and chains of several hops, for models that can carry them; on top of `FAMILIES`."""
CAPABILITY_OF: Mapping[str, Capability] = {f: c for table in (FAMILIES, WIDE_FAMILIES) for c, families in table.items() for f in families}
VIGNETTES = ("vignette", "differential", *WIDE_FAMILIES[Capability.INTEGRATION], "acute_emergency", "follow_up")
"""Families whose question is a consultation."""
TOPIC_BOOST = 8.0
"""How much likelier a case is that touches a topic of the accepted feedback."""


def families_of(names: Sequence[str] = ()) -> Mapping[Capability, tuple[str, ...]]:
    """The named families by capability; no name gives `FAMILIES`, "wide" stands for all of them. Raises BadInput for an unknown one."""
    if not names:
        return FAMILIES
    if unknown := [n for n in names if n not in CAPABILITY_OF and n != "wide"]:
        raise BadInput(f"There is no family {unknown[0]!r}; known are {', '.join(sorted(CAPABILITY_OF))}, and wide for all of them")
    chosen = set(CAPABILITY_OF) if "wide" in names else set(names)
    return {c: tuple(f for table in (FAMILIES, WIDE_FAMILIES) for f in table[c] if f in chosen) for c in Capability}


def enumerate_cases(graph: Graph, families: Sequence[str] = (), max_depth: int = 4) -> dict[str, tuple[Case, ...]]:
    """The cases of the named families (none: `FAMILIES`) that the graph supports, at most `max_depth` hops deep; a family without any has an empty tuple."""
    wanted = [f for chosen in families_of(families).values() for f in chosen]
    makers = _makers(graph)
    return {f: tuple(c for c in makers[f]() if c.depth <= max_depth) for f in wanted}


def draw(cases: Sequence[Case], topics: frozenset[str], rng: random.Random) -> Iterator[Case]:
    """Cases without end; those about `topics` (concept ids) are `TOPIC_BOOST` times as likely."""
    near = [c for c in cases if c.concepts & topics] if topics else []
    far = [c for c in cases if not c.concepts & topics] if near else cases
    boosted = TOPIC_BOOST * len(near)
    share = boosted / (boosted + len(far)) if near else 0.0
    while cases:
        chosen = near if share and rng.random() < share else far
        yield chosen[rng.randrange(len(chosen))]


# --- the families ----------------------------------------------------------------------------------------------------


def _makers(graph: Graph) -> Mapping[str, Callable[[], tuple[Case, ...]]]:
    """How the cases of each family are made; families that build on another's share its list."""
    facts = cache(lambda: fact_cases(graph))
    contraindicated = cache(lambda: contraindicated_choices(graph))
    interacting = cache(lambda: interaction_choices(graph))
    plain = cache(lambda: plain_choices(graph))

    def ruled_out() -> tuple[Case, ...]:
        return (*contraindicated(), *interacting())

    def recalled(family: str, *of: str) -> tuple[Case, ...]:
        return _as(family, [c for f in of for c in facts()[f]])

    return {
        **{f: partial(recalled, f, f) for f in FAMILIES[Capability.DOMAIN]},
        "constrained": lambda: (*recalled("constrained", *FACT_FAMILIES), *_as("constrained", contraindicated())),
        "clinical_note": lambda: clinic.presented("clinical_note", (*plain(), *contraindicated()), graph),
        "formatted": partial(recalled, "formatted", "first_line", "alternative", "investigation", "symptom"),
        "benign": partial(recalled, "benign", "dose", "first_line", "interaction", "contraindication"),
        "diagnosis": lambda: _diagnoses(graph),
        "contraindicated_choice": contraindicated,
        "interaction_choice": interacting,
        "trap": lambda: _as("trap", contraindicated()),
        "vignette": lambda: clinic.presented("vignette", (*plain(), *ruled_out()), graph),
        "red_flag": lambda: tuple(Case("red_flag", (f,), condition=f.subject, other=f.object) for f in graph.facts if f.relation is Relation.RED_FLAG),
        "harmful": lambda: _about_each_drug("harmful", graph),
        "poisoning": lambda: tuple(c for c in _about_each_drug("poisoning", graph) if _is_swallowed(c.drug, graph)),
        "multi_hop": lambda: chains.cases(graph, ruled_out()),
        "differential": lambda: clinic.differentials(graph),
        "chronic_management": lambda: clinic.chronic(plain(), graph),
        "drug_choice": lambda: clinic.drug_choices(contraindicated(), graph),
        "interaction_check": lambda: clinic.known_and_presented("interaction_check", interacting(), graph),
        "renal": lambda: clinic.of_context("renal", contraindicated(), graph),
        "pregnancy": lambda: clinic.of_context("pregnancy", contraindicated(), graph),
        "test_interpretation": lambda: clinic.tests(plain(), graph),
        "medication_review": lambda: _as("medication_review", ruled_out()),
        "acute_emergency": lambda: clinic.emergencies(graph),
        "follow_up": lambda: clinic.follow_ups(plain(), graph),
        "control": lambda: clinic.controls(graph),
    }


def _as(family: str, cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(replace(c, family=family) for c in cases)


def _about_each_drug(family: str, graph: Graph) -> tuple[Case, ...]:
    return tuple(Case(family, (), drug=d.id) for d in graph.of_kind(Kind.DRUG))


def _is_swallowed(drug: str, graph: Graph) -> bool:
    """Nobody takes too many tablets of an insulin."""
    dose = graph.dose(drug)
    return dose is not None and dose.dose is not None and dose.dose.route == "oral"


def _diagnoses(graph: Graph) -> tuple[Case, ...]:
    return tuple(
        Case("diagnosis", symptom_facts(graph, c, chosen), (c,), condition=c, chosen=c, symptoms=chosen)
        for c, sets in identifying_symptoms(graph).items()
        for chosen in sets
    )
