"""From a case to a question with its right answer, its checks, and reply texts.

The answer comes from the graph. The reference reply is what a well-aligned model would write; the unaligned reply shows what the
starter model also sees in its training: the same knowledge without the check, the format or the refusal. GRPO compares the two.
"""

import random
from dataclasses import dataclass, field, replace

from alignment.mkgsg import formats
from alignment.mkgsg.grammar import CLOSERS, DROPPABLE, FILLERS, OPENERS, QUESTIONS, Phrasings, expand
from alignment.mkgsg.source import FAMILIES, Case, identifying_symptoms
from alignment.mkgsg.workflow import capital, listed, lower, reasoning, ruling_sentence, safety_net, treatment_sentence
from core.errors import BadInput
from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Kind
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


@dataclass(frozen=True, slots=True)
class Writer:
    """Words for one item: its random numbers, the names of concepts, and which phrasings may be used."""

    knowledge: Knowledge
    rng: random.Random
    held_out: bool | None = False
    """False: trained phrasings. True: only those never trained. None: both."""
    synonyms: float = 0.3
    """How often a concept is called by a synonym in a question."""
    noise: float = 0.0
    """How often words that change nothing are dropped from a question or put into it."""
    _names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def phrase(self, phrasings: Phrasings) -> str:
        options = phrasings.held_out if self.held_out else phrasings.trained if self.held_out is False else (*phrasings.trained, *phrasings.held_out)
        return expand(self.rng.choice(options), self.rng)

    def name(self, concept_id: str) -> str:
        """A name that the linker reads back as the concept."""
        concept = self.knowledge.graph.concept(concept_id)
        if concept_id not in self._names:
            self._names[concept_id] = tuple(n for n in concept.synonyms if self._links(n, concept))
        synonyms = self._names[concept_id]
        label = lower(concept.label) if concept.kind is Kind.SYMPTOM else concept.label
        return self.rng.choice(synonyms) if synonyms and self.rng.random() < self.synonyms * (0.3 if concept.kind is Kind.DRUG else 1.0) else label

    def _links(self, name: str, concept: Concept) -> bool:
        mentions = self.knowledge.linker.mentions(name)
        return len(mentions) == 1 and len(mentions[0].text) == len(name) and mentions[0].of_kind(concept.kind) is concept

    def label(self, concept_id: str) -> str:
        return self.knowledge.graph.label(concept_id)

    def patient(self, condition: str, history: str) -> str:
        """ "a 54-year-old woman": a sex and an age that the condition and the history allow."""
        about = f"{self.label(condition)} {history}".lower()
        sex = "woman" if any(w in about for w in _WOMEN) else "man" if any(w in about for w in _MEN) else self.rng.choice(("man", "woman"))
        age = self.rng.randint(2, 6) if any(w in about for w in _CHILDREN) else self.rng.randint(19, 45) if "pregnan" in about else self.rng.randint(19, 88)
        person = {"man": "boy", "woman": "girl"}[sex] if age < 12 else sex
        return f"{'an' if age in (8, 11, 18) or 80 <= age < 90 else 'a'} {age}-year-old {person}"

    def question(self, phrasings: Phrasings, **words: str) -> str:
        template = self.phrase(phrasings)
        text = (self._disturbed(template) if self.rng.random() < self.noise else template).format(**words)
        text = capital(text) if self.rng.random() < 0.9 else text
        opener = self.rng.choice(OPENERS)
        if opener.endswith((", ", ": ")):
            text = text if text[1:2].isupper() else text[0].lower() + text[1:]
        roll = self.rng.random()
        if roll < 0.06:
            text = text.rstrip("?.")
        elif roll < 0.1:
            text = text.lower()
        return opener + text + self.rng.choice(CLOSERS)

    def _disturbed(self, template: str) -> str:
        """The template with small words dropped or changing nothing put in; names in braces stay."""
        words = [w for w in template.split(" ") if w.lower() not in DROPPABLE or self.rng.random() > 0.25]
        for _ in range(self.rng.randint(0, 2)):
            words.insert(self.rng.randint(0, len(words)), self.rng.choice(FILLERS))
        return " ".join(words) or template


_WOMEN = (
    "pregnan",
    "endometri",
    "ovar",
    "cervical cancer",
    "vagin",
    "vulvo",
    "pre-eclampsia",
    "gestational",
    "mastitis",
    "pelvic inflammatory",
    "breast",
    "amenorrh",
    "menorrh",
)
_MEN = ("prostat", "erectile", "testic")
_CHILDREN = ("bronchiolitis", "croup", "kawasaki")


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
