"""Instruction items: a fact, a refusal of a contraindicated drug, or a worked case, in a form that can be verified."""

from alignment.mkgsg.case import Case
from alignment.mkgsg.constraints import Content, Note, clinical_note, constrained
from alignment.mkgsg.consultation import history_line, safety_net_now
from alignment.mkgsg.draft import Draft, choice_reference, steps_of
from alignment.mkgsg.grammar import QUESTIONS
from alignment.mkgsg.hops import choice_words, present
from alignment.mkgsg.presentation import is_emergency
from alignment.mkgsg.statements import fact_reference, statement
from alignment.mkgsg.workflow import listed, lower, reasoning, ruling_sentence, treatment_sentence
from alignment.mkgsg.writer import Writer
from core.knowledge.graph import Kind
from core.types import Reference, Relation

# Relation of the first fact -> (questions, what the answer is called).
_ASKED = {
    Relation.TREATED_BY: ("first_line", "drug"),
    Relation.HAS_SYMPTOM: ("symptom", "symptom"),
    Relation.INVESTIGATED_BY: ("investigation", "test"),
    Relation.DOSE: ("dose", "dose"),
    Relation.CONTRAINDICATED_IN: ("contraindication", "contraindication"),
    Relation.INTERACTS_WITH: ("interaction", "interaction"),
}


def under_constraint(case: Case, w: Writer) -> Draft:
    """Any one of the facts, or a trap, under one or two constraints."""
    if case.is_ruled_out:
        return _warning(case, w)
    fact = case.facts[0]
    family, key = _ASKED[fact.relation]
    question = w.question(
        QUESTIONS["alternative" if fact.line == "alternative" else family],
        c=w.name(case.condition) if case.condition else "",
        d=w.name(case.drug) if case.drug else "",
    )
    content = Content(statement(case, w.knowledge.graph), _labels(case, w), w.label(case.condition or case.drug), key, question, labels_suffice=key != "dose")
    form = constrained(content, w)
    return Draft(case, _asked(question, form.instruction), fact_reference(case), form.text, form.plain, form.checks)


def _labels(case: Case, w: Writer) -> tuple[str, ...]:
    fact = case.facts[0]
    match fact.relation:
        case Relation.HAS_SYMPTOM:
            return tuple(lower(w.label(s)) for s in case.symptoms[:3])
        case Relation.DOSE:
            return (fact.object,)
        case _:
            return (w.label(case.chosen or case.other),)


def _warning(case: Case, w: Writer) -> Draft:
    graph = w.knowledge.graph
    question = w.question(QUESTIONS["trap"], **choice_words(case, w))
    text = f"No. {ruling_sentence(case.facts[1], case.drug, graph)} {treatment_sentence(case.facts[2], graph, another=True)}"
    form = constrained(Content(text, (w.label(case.chosen),), w.label(case.condition), "drug", question, verdict="no", labels_suffice=False), w)
    chain = f"<think> {reasoning(case, graph)} </think> {form.text}"
    return Draft(case, _asked(question, form.instruction), choice_reference(case), chain, form.plain, form.checks, steps_of(case)[:2], (case.other,))


def note(case: Case, w: Writer) -> Draft:
    """A worked case as SOAP note, problem list, discharge summary, or JSON to a schema.

    Current drugs are no part of its cases: a drug that a reply names is read as recommended, by the guard too.
    """
    graph = w.knowledge.graph
    shown = present(case, w)
    said = choice_words(shown, w)
    question = w.question(QUESTIONS["vignette"], p=said["p"], s=listed([w.noun(s) for s in shown.symptoms]), H=history_line(case, said["h"], w))
    history = _noted(case.other, w) if case.other else ""
    findings = tuple(lower(w.label(s)) for s in shown.symptoms)
    safety_net = safety_net_now(shown, w, urgent=is_emergency(graph, case.condition))
    form = clinical_note(Note(said["p"], findings, history, w.label(case.condition), w.label(case.chosen), safety_net), w)
    thought = f"<think> {reasoning(shown, graph)} </think> "
    answer = Reference(kind="concepts", concepts=((case.condition,), case.accepted), forbidden=case.forbidden)
    steps = steps_of(case)[:2] if case.other else ()
    patient = (case.other,) if case.other else ()
    return Draft(shown, _asked(question, form.instruction), answer, thought + form.text, thought + form.plain, form.checks, steps, patient)


def _noted(history: str, w: Writer) -> str:
    """As a note says it: an illness is history, a pregnancy, an allergy and failing kidneys are there."""
    is_present = w.knowledge.graph.concept(history).kind is Kind.CONTEXT
    return w.label(history) if is_present else f"history of {w.label(history)}"


def _asked(question: str, instruction: str) -> str:
    return f"{question}{' ' if question.endswith(('.', '?', '!')) else '. '}{instruction}"


WRITERS = {"constrained": under_constraint, "clinical_note": note}
