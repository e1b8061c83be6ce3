"""Items that take more than one fact and no vignette: a diagnosis, a drug that the history leaves, a chain of hops."""

from dataclasses import replace

from alignment.mkgsg.case import Case
from alignment.mkgsg.draft import Draft, choice_reference, steps_of
from alignment.mkgsg.grammar import QUESTIONS
from alignment.mkgsg.presentation import is_emergency, presentations, symptom_facts
from alignment.mkgsg.statements import dose_reference, fact_reference, fact_sentence
from alignment.mkgsg.workflow import listed, reasoning, treatment_sentence
from alignment.mkgsg.writer import Writer
from core.knowledge.graph import Kind
from core.safety import sounds_urgent
from core.types import Relation


def diagnosis(case: Case, w: Writer) -> Draft:
    shown = list(case.symptoms)
    w.rng.shuffle(shown)
    question = w.question(QUESTIONS["diagnosis"], p=w.patient(case.condition, *map(w.label, shown)), s=listed([w.noun(s) for s in shown]))
    answer = f"The most likely diagnosis is {w.label(case.condition)}."
    if sounds_urgent(question) or is_emergency(w.knowledge.graph, case.condition):
        answer += " This may be an emergency: call emergency services."
    chain = f"<think> {reasoning(case, w.knowledge.graph)} </think> {answer}"
    return Draft(case, question, fact_reference(case), chain, answer, steps=steps_of(case))


def choice(case: Case, w: Writer) -> Draft:
    question = w.question(QUESTIONS[case.family], **choice_words(case, w))
    chain = f"<think> {reasoning(case, w.knowledge.graph)} </think> Give {w.label(case.chosen)} for {w.label(case.condition)}."
    naive = f"Give {w.label(case.drug)} for {w.label(case.condition)}."
    return Draft(case, question, choice_reference(case), chain, naive, steps=steps_of(case)[:2], patient=(case.other,))


def choice_words(case: Case, w: Writer) -> dict[str, str]:
    history = w.noun(case.other) if case.other else ""
    return {
        "p": w.patient(case.condition, history, *map(w.label, case.symptoms)),
        "c": w.name(case.condition),
        "h": history,
        "b": history,
        "d": w.name(case.drug),
    }


def multi_hop(case: Case, w: Writer) -> Draft:
    """A question whose subject is itself the answer of an edge: "the first-line drug for what shows as ..."."""
    graph = w.knowledge.graph
    case = present(case, w) if case.is_presented else case
    c = f"what shows as {listed([w.noun(s) for s in case.symptoms])}" if case.is_presented else w.name(case.condition)
    last = case.facts[-1]
    kind = "choice_dose" if case.rule and last.dose else "choice" if case.is_ruled_out else last.relation.value
    history = _history(case, w) if case.is_ruled_out else ""
    question = w.question(QUESTIONS[f"hop_{kind}"], c=c, h=history)
    dosed = dose_reference(last) if last.dose else None
    if kind == "choice":
        answer = f"Give {w.label(case.chosen)} for {w.label(case.condition)}."
        chain, reference = reasoning(case, graph), choice_reference(case)
    else:
        answer = fact_sentence(last, graph, case.drug)
        # A walk ends with the drug; what is known of it comes after.
        path = replace(case, facts=case.facts[:-1], chosen=case.chosen if case.is_ruled_out else case.drug) if last.relation in _OF_THE_DRUG else case
        chain = " ".join(filter(None, (reasoning(path, graph), answer if last.relation in _OF_THE_DRUG else "")))
        reference = dosed or fact_reference(case)
    if sounds_urgent(question):
        answer += " This may be an emergency: call emergency services."
    naive = treatment_sentence(case.treatment, graph) if case.is_ruled_out and case.treatment else answer
    patient = (case.other,) if case.is_ruled_out else ()
    return Draft(case, question, reference, f"<think> {chain} </think> {answer}", naive, steps=steps_of(case), patient=patient)


def _history(case: Case, w: Writer) -> str:
    name = w.noun(case.other)
    return f"ongoing {name} treatment" if w.knowledge.graph.concept(case.other).kind is Kind.DRUG else name


_OF_THE_DRUG = (Relation.DOSE, Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH, Relation.IS_A)


def present(case: Case, w: Writer) -> Case:
    """The case with findings drawn for its condition, and their edges at the head of its path."""
    graph = w.knowledge.graph
    sets = presentations(graph, case.condition)
    symptoms = w.rng.choice([s for s in sets if case.other not in s] or sets)  # what sets in now was not there before
    symptoms = tuple(w.rng.sample(symptoms, len(symptoms)))
    return replace(case, symptoms=symptoms, facts=(*symptom_facts(graph, case.condition, symptoms), *case.facts))


WRITERS = {"diagnosis": diagnosis, "contraindicated_choice": choice, "interaction_choice": choice, "multi_hop": multi_hop}
