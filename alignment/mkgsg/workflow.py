"""The clinical workflow as a state machine: the stages a consultation passes through and what is thought at each.

The thoughts are the reasoning chain of the case's reply. Stages without anything to think about the case are passed in silence, but
none is skipped, except that a red flag ends the search: what is urgent is acted on. A drug is named only after the check that could rule it out.
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise

from alignment.mkgsg.case import Case
from core.knowledge.graph import Fact, Graph
from core.types import Relation


class Stage(StrEnum):
    PRESENTATION = "presentation"
    HISTORY = "history"
    EXAMINATION = "examination"
    RED_FLAGS = "red_flags"
    DIFFERENTIAL = "differential"
    INVESTIGATION = "investigation"
    DIAGNOSIS = "diagnosis"
    FIRST_CHOICE = "first_choice"
    CONTRAINDICATION_CHECK = "contraindication_check"
    """Against diseases, allergies, pregnancy and kidneys, and for interactions with current drugs."""
    ALTERNATIVE = "alternative"
    MANAGEMENT = "management"
    SAFETY_NET = "safety_net"


def next_stage(stage: Stage, *, ruled_out: bool, urgent: bool = False) -> Stage | None:
    """What follows a stage; only a drug that was ruled out leads to the alternative, and a red flag to action. None after the safety-net."""
    match stage:
        case Stage.RED_FLAGS if urgent:
            return Stage.MANAGEMENT
        case Stage.CONTRAINDICATION_CHECK:
            return Stage.ALTERNATIVE if ruled_out else Stage.MANAGEMENT
        case Stage.ALTERNATIVE:
            return Stage.MANAGEMENT
        case Stage.SAFETY_NET:
            return None
        case _:
            return _AFTER[stage]


_AFTER = dict(pairwise(Stage))


def stages(case: Case) -> Iterator[Stage]:
    """The stages that a consultation about `case` passes through."""
    ruled_out, urgent = case.is_ruled_out, any(f.relation is Relation.RED_FLAG for f in case.facts)
    stage: Stage | None = Stage.PRESENTATION
    while stage is not None:
        yield stage
        stage = next_stage(stage, ruled_out=ruled_out, urgent=urgent)


def reasoning(case: Case, graph: Graph) -> str:
    """What is thought on the way."""
    return " ".join(said for stage in stages(case) if (said := thought(stage, case, graph)))


def safety_net(condition: str, graph: Graph) -> str:
    """What to watch for and what to do then; general advice where the graph holds no red flag of the condition."""
    flags = graph.facts_from(condition, Relation.RED_FLAG)
    if not flags:
        return "Seek medical advice if symptoms worsen."
    return f"{capital(flags[0].detail)} if {lower(graph.label(flags[0].object))} occurs."


def thought(stage: Stage, case: Case, graph: Graph) -> str:
    """What a stage adds to the reasoning, which ends with the choice of the drug: a sentence, or nothing."""
    label = graph.label
    match stage:
        case Stage.PRESENTATION if case.symptoms:
            return findings_sentence(case.symptoms, case.condition, graph)
        case Stage.RED_FLAGS if flag := next((f for f in case.facts if f.relation is Relation.RED_FLAG), None):
            return red_flag_sentence(flag, graph)
        case Stage.DIFFERENTIAL if rival := next((f.subject for f in case.facts if f.relation is Relation.HAS_SYMPTOM and f.subject != case.condition), ""):
            shared = [f.object for f in case.facts if f.subject == rival]
            left = tuple(s for s in case.symptoms if s not in shared)
            return f"{capital(label(rival))} has {listed([lower(label(s)) for s in shared])} too. {findings_sentence(left, case.condition, graph)}"
        case Stage.INVESTIGATION if test := next((f for f in case.facts if f.relation is Relation.INVESTIGATED_BY), None):
            return f"{capital(label(case.condition))} is confirmed by {label(test.object)}."
        case Stage.FIRST_CHOICE if treated := case.treatment:
            return treatment_sentence(treated, graph)
        case Stage.CONTRAINDICATION_CHECK if case.is_ruled_out and (rule := case.rule):
            return ruling_sentence(rule, case.drug, graph)
        case Stage.CONTRAINDICATION_CHECK if case.family == "control":
            return f"Nothing known speaks against {label(case.drug)} with {label(case.other)}."
        case Stage.ALTERNATIVE if case.is_ruled_out:
            return treatment_sentence(next(f for f in case.facts[::-1] if f.relation is Relation.TREATED_BY), graph, another=True)
        case _:
            return ""


def findings_sentence(symptoms: tuple[str, ...], condition: str, graph: Graph) -> str:
    shown = capital(listed([lower(graph.label(s)) for s in symptoms]))
    return f"{shown} {'are symptoms' if len(symptoms) > 1 else 'is a symptom'} of {graph.label(condition)}."


def red_flag_sentence(flag: Fact, graph: Graph) -> str:
    return f"{capital(lower(graph.label(flag.object)))} in {graph.label(flag.subject)} is a red flag: {flag.detail}."


def treatment_sentence(fact: Fact, graph: Graph, *, another: bool = False) -> str:
    condition, drug = graph.label(fact.subject), graph.label(fact.object)
    if fact.line == "first":
        return f"{'Another' if another else 'The'} first-line treatment of {condition} is {drug}."
    return f"An alternative treatment of {condition} is {drug}."


def ruling_sentence(fact: Fact, drug: str, graph: Graph) -> str:
    """Why the drug is ruled out: a contraindication or an interaction, told from the drug's side."""
    if fact.relation is Relation.INTERACTS_WITH:
        other = fact.object if fact.subject == drug else fact.subject
        effect = f": {fact.detail}" if fact.detail else ""
        return f"{capital(graph.label(drug))} interacts with {graph.label(other)}{effect} ({fact.severity})."
    return f"{capital(graph.label(drug))} is contraindicated in {graph.label(fact.object)}."


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower(label: str) -> str:
    """A label inside a sentence: "Urinary hesitancy" loses its capital, "QT prolongation" and "Raynaud disease" keep theirs."""
    first = label.split(" ", 1)[0]
    return label[0].lower() + label[1:] if first[1:].islower() else label


def listed(words: list[str], joined_by: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joined_by} {words[-1]}"
