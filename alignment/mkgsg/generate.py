"""From a case to a question with its right answer, its checks, and reply texts.

The answer comes from the graph. The reference reply is what a well-aligned model would write; the unaligned reply shows what the
starter model also sees in its training: the same knowledge without the check, the format or the refusal. GRPO compares the two.
"""

from dataclasses import dataclass, replace

from alignment.mkgsg import formats
from alignment.mkgsg.grammar import QUESTIONS
from alignment.mkgsg.source import FAMILIES, Case, identifying_symptoms
from alignment.mkgsg.workflow import capital, listed, lower, reasoning, ruling_sentence, safety_net, treatment_sentence
from alignment.mkgsg.writer import Writer
from core.errors import BadInput
from core.knowledge.graph import Kind
from core.safety import check_input
from core.types import Check, Message, Provenance, ReasoningStep, Reference, Relation, TrainingSample, Value

GENERATOR = "mkgsg-1"
CAPABILITY_OF = {family: capability for capability, families in FAMILIES.items() for family in families}


class Written(Value):
    """A sample and the texts that the starter model is pretrained on."""

    sample: TrainingSample
    completion: str
    """The reference reply, thinking included."""
    unaligned: str
    """Known facts, but the instruction not followed, the history not checked, or the wrong thing refused. May be unsafe."""


@dataclass(frozen=True, slots=True)
class Draft:
    question: str
    reference: Reference
    completion: str
    unaligned: str = ""
    checks: tuple[Check, ...] = ()
    steps: tuple[ReasoningStep, ...] = ()
    patient: tuple[str, ...] = ()


def write(case: Case, writer: Writer, recipe_hash: str = "") -> Written:
    """The item of a case in one of its wordings. The writer's random state decides which."""
    draft = _WRITERS[case.family](case, writer) if case.family in _WRITERS else _recall(case, writer)
    sample = TrainingSample(
        messages=(Message(role="user", content=draft.question),),
        capability=CAPABILITY_OF[case.family],
        family=case.family,
        reference=draft.reference,
        checks=draft.checks,
        steps=draft.steps,
        patient=draft.patient,
        provenance=Provenance(source="mkgsg", ids=tuple(f.row for f in case.facts), generator=GENERATOR, recipe_hash=recipe_hash),
    )
    return Written(sample=sample, completion=draft.completion, unaligned=draft.unaligned or draft.completion)


# --- facts ---------------------------------------------------------------------------------------------------------


def statement(case: Case, w: Writer) -> str:
    """The fact of a case as the model is to say it."""
    graph, fact = w.knowledge.graph, case.facts[0]
    match fact.relation:
        case Relation.TREATED_BY:
            return treatment_sentence(fact, graph)
        case Relation.HAS_SYMPTOM:
            return f"Typical symptoms of {w.label(case.condition)} are {listed([lower(w.label(s)) for s in case.symptoms[:3]])}."
        case Relation.INVESTIGATED_BY:
            return f"{capital(w.label(case.condition))} is confirmed by {w.label(fact.object)}."
        case Relation.DOSE:
            return f"The usual adult dose of {w.label(case.drug)} is {fact.object}."
        case Relation.CONTRAINDICATED_IN | Relation.INTERACTS_WITH:
            return ruling_sentence(fact, case.drug, graph)
        case _:
            raise BadInput(f"{fact.row}: no statement for {fact.relation}")


def reference(case: Case) -> Reference:
    if case.facts[0].dose is not None:
        dose = case.facts[0].dose
        return Reference(kind="dose", low=dose.low, high=max(dose.high, dose.max_per_day or 0) if case.family == "benign" else dose.high, unit=dose.unit)
    return Reference(kind="concepts", concepts=(case.accepted,))


def _recall(case: Case, w: Writer) -> Draft:
    return Draft(_fact_question(case, w), reference(case), statement(case, w))


def _fact_question(case: Case, w: Writer) -> str:
    return w.question(QUESTIONS[case.family], c=w.name(case.condition) if case.condition else "", d=w.name(case.drug) if case.drug else "")


def write_pair(case: Case, writer: Writer) -> tuple[str, str]:
    """Question and answer about both ends of a contraindication or interaction. Not an item: what is right stands in the question."""
    words = {"d": writer.name(case.drug), "h": writer.name(case.other), "b": writer.name(case.other)}
    return writer.question(QUESTIONS[f"{case.family}_pair"], **words), statement(case, writer)


# --- reasoning -----------------------------------------------------------------------------------------------------


def _steps(case: Case) -> tuple[ReasoningStep, ...]:
    return tuple(ReasoningStep(subject=f.subject, relation=f.relation, object=f.object) for f in case.facts)


def _diagnosis(case: Case, w: Writer) -> Draft:
    shown = list(case.symptoms)
    w.rng.shuffle(shown)
    question = w.question(QUESTIONS["diagnosis"], p=w.patient(case.condition, " ".join(map(w.label, shown))), s=listed([w.name(s) for s in shown]))
    answer = f"The most likely diagnosis is {w.label(case.condition)}."
    if any(f.rule == "emergency" for f in check_input((Message(role="user", content=question),), w.knowledge)):
        answer += " This may be an emergency: call emergency services."
    chain = f"<think> {reasoning(case, w.knowledge.graph)} </think> {answer}"
    return Draft(question, reference(case), chain, answer, steps=_steps(case), patient=())


def _choice_words(case: Case, w: Writer) -> dict[str, str]:
    history = w.name(case.other) if case.other else ""
    about = " ".join((history, *map(w.label, case.symptoms)))
    return {"p": w.patient(case.condition, about), "c": w.name(case.condition), "h": history, "b": history, "d": w.name(case.drug)}


def _choice(case: Case, w: Writer) -> Draft:
    graph = w.knowledge.graph
    question = w.question(QUESTIONS[case.family], **_choice_words(case, w))
    chain = f"<think> {reasoning(case, graph)} </think> Give {w.label(case.chosen)} for {w.label(case.condition)}."
    naive = f"Give {w.label(case.drug)} for {w.label(case.condition)}."
    return Draft(question, _choice_reference(case), chain, naive, steps=_steps(case)[:2], patient=(case.other,))


def _choice_reference(case: Case) -> Reference:
    return Reference(kind="concepts", concepts=(case.accepted,), forbidden=case.forbidden)


def _vignette(case: Case, w: Writer) -> Draft:
    graph = w.knowledge.graph
    symptoms = w.rng.choice([s for s in identifying_symptoms(graph)[case.condition] if len(s) <= 3])
    case = replace(case, symptoms=symptoms)
    words = _choice_words(case, w)
    shown = listed([w.name(s) for s in w.rng.sample(symptoms, len(symptoms))])
    question = w.question(QUESTIONS["vignette"], p=words["p"], s=shown, H=_history(case, words["h"], w))
    parts = (w.label(case.condition), w.label(case.chosen), safety_net(case.condition, graph))
    form = formats.vignette_format(parts, w)
    thought = f"<think> {reasoning(case, graph)} </think> "
    naive = w.label(case.drug)
    unaligned = w.rng.choice(
        (
            f"{thought}{form.plain}",
            f"{formats.vignette_text(form.check, (parts[0], naive, parts[2]))}",
            f"The most likely diagnosis is {parts[0]}. Give {naive}.",
        )
    )
    answer = Reference(kind="concepts", concepts=((case.condition,), case.accepted), forbidden=case.forbidden)
    patient = (case.other,) if case.other else ()
    return Draft(f"{question} {form.instruction}", answer, thought + form.text, unaligned, (form.check,), _steps(case)[:2] if case.other else (), patient)


def _history(case: Case, history: str, w: Writer) -> str:
    if not case.other:
        return w.rng.choice(("No relevant history", "No other illnesses and no drugs", "Otherwise healthy", "Past history: none"))
    if w.knowledge.graph.concept(case.other).kind is Kind.DRUG:
        return w.rng.choice((f"Current drug: {history}", f"Takes {history}", f"On {history}"))
    return w.rng.choice((f"History: {history}", f"Known {history}", f"Past history: {history}", f"History of {history}"))


# --- instruction and safety ------------------------------------------------------------------------------------------


def _formatted(case: Case, w: Writer) -> Draft:
    kind = case.facts[0].relation
    family = {
        Relation.TREATED_BY: "alternative" if case.facts[0].line == "alternative" else "first_line",
        Relation.HAS_SYMPTOM: "symptom",
        Relation.INVESTIGATED_BY: "investigation",
    }[kind]
    question = w.question(QUESTIONS[family], c=w.name(case.condition))
    plain = statement(case, w)
    objects = case.symptoms if kind is Relation.HAS_SYMPTOM else (case.chosen,)
    labels = tuple(lower(w.label(o)) if kind is Relation.HAS_SYMPTOM else w.label(o) for o in objects)
    form = formats.fact_format(plain, w.label(case.condition), labels, kind, w)
    gap = " " if question.endswith((".", "?")) else ". "
    return Draft(f"{question}{gap}{form.instruction}", reference(case), form.text, form.plain, (form.check,))


def _red_flag(case: Case, w: Writer) -> Draft:
    fact = case.facts[0]
    question = w.question(QUESTIONS["red_flag"], c=w.name(case.condition), s=w.name(case.other), p=w.patient(case.condition, ""))
    answer = f"{capital(lower(w.label(case.other)))} in {w.label(case.condition)} is a red flag: {fact.detail}."
    first = next(iter(w.knowledge.graph.treatments(case.condition, "first")), None)
    calm = treatment_sentence(first, w.knowledge.graph) if first else f"{capital(lower(w.label(case.other)))} can be a symptom of {w.label(case.condition)}."
    return Draft(question, Reference(kind="urgent"), answer, calm, patient=(case.condition,))


def _trap(case: Case, w: Writer) -> Draft:
    graph = w.knowledge.graph
    question = w.question(QUESTIONS["trap"], **_choice_words(case, w))
    answer = f"No. {ruling_sentence(case.facts[1], case.drug, graph)} {treatment_sentence(case.facts[2], graph, another=True)}"
    naive = f"Yes. Give {w.label(case.drug)} for {w.label(case.condition)}."
    return Draft(question, _choice_reference(case), answer, naive, steps=_steps(case)[1:2], patient=(case.other,))


def _harmful(case: Case, w: Writer) -> Draft:
    dose = w.knowledge.graph.dose(case.drug)
    helpful = f"The usual adult dose of {w.label(case.drug)} is {dose.object}." if dose else f"{capital(w.label(case.drug))} is a medicine."
    return Draft(w.question(QUESTIONS["harmful"], d=w.name(case.drug)), Reference(kind="refusal"), REFUSAL, helpful)


def _benign(case: Case, w: Writer) -> Draft:
    family = {Relation.DOSE: "benign_dose", Relation.TREATED_BY: "benign_first_line"}.get(case.facts[0].relation, "benign_interaction")
    question = w.question(QUESTIONS[family], c=w.name(case.condition) if case.condition else "", d=w.name(case.drug) if case.drug else "")
    return Draft(question, reference(case), statement(case, w), REFUSAL)


REFUSAL = "I cannot help with that. If someone is at risk, call emergency services."

_WRITERS = {
    "diagnosis": _diagnosis,
    "contraindicated_choice": _choice,
    "interaction_choice": _choice,
    "vignette": _vignette,
    "formatted": _formatted,
    "red_flag": _red_flag,
    "trap": _trap,
    "harmful": _harmful,
    "benign": _benign,
}
