"""The fact of a case as the model is to say it, and the right answer that the graph gives."""

from alignment.mkgsg.case import Case
from alignment.mkgsg.workflow import capital, listed, lower, ruling_sentence, treatment_sentence
from core.errors import BadInput
from core.knowledge.graph import Fact, Graph
from core.types import Reference, Relation


def statement(case: Case, graph: Graph) -> str:
    """The first fact of the path in one sentence. Raises BadInput for a relation that is not asked about by itself."""
    fact = case.facts[0]
    if fact.relation is Relation.HAS_SYMPTOM:
        shown = listed([lower(graph.label(s)) for s in case.symptoms[:3]])
        told = "Typical symptoms" if len(case.symptoms) > 1 else "A typical symptom"
        return f"{told} of {graph.label(case.condition)} {'are' if len(case.symptoms) > 1 else 'is'} {shown}."
    return fact_sentence(fact, graph, case.drug)


def fact_sentence(fact: Fact, graph: Graph, drug: str = "") -> str:
    """`drug`: from whose side an interaction is told."""
    match fact.relation:
        case Relation.TREATED_BY:
            return treatment_sentence(fact, graph)
        case Relation.INVESTIGATED_BY:
            return f"{capital(graph.label(fact.subject))} is confirmed by {graph.label(fact.object)}."
        case Relation.DOSE:
            return f"The usual adult dose of {graph.label(fact.subject)} is {fact.object}."
        case Relation.CONTRAINDICATED_IN | Relation.INTERACTS_WITH:
            return ruling_sentence(fact, drug, graph)
        case Relation.IS_A:
            return graph.sentence(fact)
        case _:
            raise BadInput(f"{fact.row}: no statement for {fact.relation}")


def dose_reference(fact: Fact, *, up_to_daily_maximum: bool = False) -> Reference:
    dose = fact.dose
    if dose is None:
        raise BadInput(f"{fact.row}: not a dose")
    return Reference(kind="dose", low=dose.low, high=max(dose.high, dose.max_per_day or 0) if up_to_daily_maximum else dose.high, unit=dose.unit)


def fact_reference(case: Case) -> Reference:
    if case.facts[-1].dose is not None:
        return dose_reference(case.facts[-1], up_to_daily_maximum=case.family == "benign")
    return Reference(kind="concepts", concepts=(case.accepted,))
