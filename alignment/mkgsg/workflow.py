"""The clinical workflow as a state machine: the stages a consultation passes through and what each one says.

A walk over a case gives the reasoning chain of its reply. Stages without anything to say for the case are passed in silence, but
none is skipped: a drug is named only after the check that could rule it out.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from alignment.mkgsg.source import Case
from core.knowledge.graph import Fact, Graph
from core.types import Relation


class Stage(StrEnum):
    PRESENTATION = "presentation"
    HISTORY = "history"
    RED_FLAGS = "red_flags"
    DIAGNOSIS = "diagnosis"
    FIRST_CHOICE = "first_choice"
    CONTRAINDICATION_CHECK = "contraindication_check"
    ALTERNATIVE = "alternative"
    MANAGEMENT = "management"
    SAFETY_NET = "safety_net"


class Step(NamedTuple):
    stage: Stage
    sentence: str
    """Empty when the stage has nothing to say."""
    facts: tuple[Fact, ...] = ()


def next_stage(stage: Stage, *, ruled_out: bool) -> Stage | None:
    """What follows a stage; only a drug that was ruled out leads to the alternative. None after the safety-net."""
    match stage:
        case Stage.CONTRAINDICATION_CHECK:
            return Stage.ALTERNATIVE if ruled_out else Stage.MANAGEMENT
        case Stage.ALTERNATIVE:
            return Stage.MANAGEMENT
        case Stage.SAFETY_NET:
            return None
        case _:
            stages = list(Stage)
            return stages[stages.index(stage) + 1]


def walk(case: Case, graph: Graph) -> Iterator[Step]:
    """The steps of a consultation about `case`, from presentation to safety-net."""
    stage: Stage | None = Stage.PRESENTATION
    while stage is not None:
        yield _step(stage, case, graph)
        stage = next_stage(stage, ruled_out=case.is_ruled_out)


def reasoning(case: Case, graph: Graph) -> str:
    """What is thought on the way: the sentences up to the choice of the drug."""
    stages = {Stage.PRESENTATION, Stage.FIRST_CHOICE, Stage.CONTRAINDICATION_CHECK, Stage.ALTERNATIVE}
    return " ".join(s.sentence for s in walk(case, graph) if s.stage in stages and s.sentence)


def safety_net(condition: str, graph: Graph) -> str:
    """What to watch for and what to do then; general advice where the graph holds no red flag of the condition."""
    flags = graph.facts_from(condition, Relation.RED_FLAG)
    if not flags:
        return "Seek medical advice if symptoms worsen."
    return f"{capital(flags[0].detail)} if {lower(graph.label(flags[0].object))} occurs."


def _step(stage: Stage, case: Case, graph: Graph) -> Step:
    label = graph.label
    treated = case.facts[0] if case.facts and case.facts[0].relation is Relation.TREATED_BY else None
    match stage:
        case Stage.PRESENTATION if case.symptoms:
            facts = tuple(f for s in case.symptoms if (f := graph.fact(case.condition, Relation.HAS_SYMPTOM, s)))
            many = len(case.symptoms) > 1
            return Step(
                stage,
                f"{capital(listed([lower(label(s)) for s in case.symptoms]))} {'are symptoms' if many else 'is a symptom'} of {label(case.condition)}.",
                facts,
            )
        case Stage.RED_FLAGS if case.condition and (facts := tuple(f for s in case.symptoms if (f := graph.fact(case.condition, Relation.RED_FLAG, s)))):
            return Step(stage, f"This is urgent: {facts[0].detail}.", facts)
        case Stage.DIAGNOSIS if case.condition:
            return Step(stage, f"The most likely diagnosis is {label(case.condition)}.")
        case Stage.FIRST_CHOICE if treated:
            return Step(stage, treatment_sentence(treated, graph), (treated,))
        case Stage.CONTRAINDICATION_CHECK if case.is_ruled_out:
            return Step(stage, ruling_sentence(case.facts[1], case.drug, graph), (case.facts[1],))
        case Stage.ALTERNATIVE if case.is_ruled_out:
            return Step(stage, treatment_sentence(case.facts[2], graph, another=True), (case.facts[2],))
        case Stage.MANAGEMENT if treated:
            return Step(stage, f"Give {label(case.chosen)} for {label(case.condition)}.", (case.facts[-1],))
        case Stage.SAFETY_NET if case.condition:
            return Step(stage, safety_net(case.condition, graph))
        case _:
            return Step(stage, "")


def treatment_sentence(fact: Fact, graph: Graph, *, another: bool = False) -> str:
    condition, drug = graph.label(fact.subject), graph.label(fact.object)
    if fact.line == "first":
        return f"{'Another' if another else 'The'} first-line treatment of {condition} is {drug}."
    return f"An alternative treatment of {condition} is {drug}."


def ruling_sentence(fact: Fact, drug: str, graph: Graph) -> str:
    """Why the drug is ruled out: a contraindication or an interaction, told from the drug's side."""
    if fact.relation is Relation.INTERACTS_WITH:
        other = fact.object if fact.subject == drug else fact.subject
        return f"{capital(graph.label(drug))} interacts with {graph.label(other)}: {fact.detail} ({fact.severity})."
    return f"{capital(graph.label(drug))} is contraindicated in {graph.label(fact.object)}."


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower(label: str) -> str:
    """A label inside a sentence: "Urinary hesitancy" loses its capital, "QT prolongation" and "Raynaud disease" keep theirs."""
    first = label.split(" ", 1)[0]
    return label[0].lower() + label[1:] if first[1:].islower() else label


def listed(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
