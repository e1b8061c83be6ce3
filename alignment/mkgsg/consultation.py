"""Vignettes: a consultation told stage by stage, and the plan that follows from it.

The question says who comes, with what and since when, the history and what is denied, and things that do not matter; then it asks. What the
path needs is always said in words that the linker reads back; the rest is drawn so that no two vignettes are alike.
"""

from alignment.mkgsg import formats
from alignment.mkgsg.case import Case, confirming_tests
from alignment.mkgsg.draft import Draft, choice_reference, steps_of
from alignment.mkgsg.forms import parts_form
from alignment.mkgsg.grammar import QUESTIONS
from alignment.mkgsg.hops import choice_words, present
from alignment.mkgsg.presentation import is_emergency
from alignment.mkgsg.scene import Scene
from alignment.mkgsg.workflow import capital, listed, lower, reasoning, red_flag_sentence, safety_net, treatment_sentence
from alignment.mkgsg.writer import Writer
from core.knowledge.graph import Kind
from core.safety import sounds_urgent
from core.types import Reference, Relation

_URGENT = "This may be an emergency: call emergency services."


def vignette(case: Case, w: Writer) -> Draft:
    """The short form that the starter model has learnt: findings, one line of history, and a stated format."""
    graph = w.knowledge.graph
    shown = present(case, w)
    said = choice_words(shown, w)
    findings = listed([w.noun(s) for s in shown.symptoms])
    question = w.question(QUESTIONS["vignette"], p=said["p"], s=findings, H=history_line(case, said["h"], w))
    urgent = sounds_urgent(question) or is_emergency(graph, case.condition)
    parts = (w.label(case.condition), w.label(case.chosen), safety_net_now(shown, w, urgent=urgent))
    form = formats.vignette_format(parts, w)
    thought = f"<think> {reasoning(shown, graph)} </think> "
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
    steps = steps_of(case)[:2] if case.other else ()
    return Draft(shown, f"{question} {form.instruction}", answer, thought + form.text, unaligned, (form.check,), steps, patient)


def history_line(case: Case, history: str, w: Writer) -> str:
    if not case.other:
        return w.rng.choice(("No relevant history", "No other illnesses and no drugs", "Otherwise healthy", "Past history: none"))
    if w.knowledge.graph.concept(case.other).kind is Kind.DRUG:
        return w.rng.choice((f"Current drug: {history}", f"Takes {history}", f"On {history}"))
    return w.rng.choice((f"History: {history}", f"Known {history}", f"Past history: {history}", f"History of {history}"))


def treated(case: Case, w: Writer) -> Draft:
    """Diagnosis or condition, drug and safety-net, after the checks: drug choice, interactions, kidneys, pregnancy, long-term treatment, a test."""
    graph = w.knowledge.graph
    shown = present(case, w) if case.is_presented else case
    scene = Scene(shown, w)
    parts: dict[str, str] = {"diagnosis" if case.is_presented else "condition": w.label(case.condition)}
    groups = [(case.condition,), case.accepted] if case.is_presented else [case.accepted]
    if case.test and case.is_presented:
        parts["test"] = w.label(case.test)
        groups.insert(1, tuple(f.object for f in confirming_tests(graph, case.condition)))
    parts["drug"] = w.label(case.chosen)
    question, urgent = _told(scene, w)
    urgent = urgent or (case.is_presented and is_emergency(graph, case.condition))
    parts["safety_net"] = safety_net_now(shown, w, urgent=urgent) + (
        f" Check the dose of {w.label(case.chosen)} against the kidney function." if case.family == "renal" else ""
    )
    form = parts_form(parts, w)
    thought = f"<think> {reasoning(shown, graph)} </think> "
    naive = f"Give {w.label(case.drug)} for {w.label(case.condition)}."
    unaligned = naive if case.is_ruled_out and w.rng.random() < 0.5 else thought + form.plain
    answer = Reference(kind="concepts", concepts=tuple(groups), forbidden=case.forbidden)
    return Draft(shown, f"{question} {form.instruction}", answer, thought + form.text, unaligned, (form.check,), steps_of(shown), _patient(case))


def review(case: Case, w: Writer) -> Draft:
    """One of the current drugs does not go with the history or with another one."""
    scene = Scene(case, w)
    question, urgent = _told(scene, w)
    parts = {
        "condition": w.label(case.condition),
        "stop": w.label(case.drug),
        "start": w.label(case.chosen),
        "safety_net": safety_net_now(case, w, urgent=urgent),
    }
    form = parts_form(parts, w)
    thought = f"<think> {reasoning(case, w.knowledge.graph)} </think> "
    naive = f"The list is safe. Continue {w.label(case.drug)} for {w.label(case.condition)}."
    steps = steps_of(case)
    return Draft(case, f"{question} {form.instruction}", choice_reference(case), thought + form.text, naive, (form.check,), steps, _patient(case))


def differential(case: Case, w: Writer) -> Draft:
    scene = Scene(case, w)
    question, urgent = _told(scene, w)
    urgent = urgent or is_emergency(w.knowledge.graph, case.condition)
    answer = f"The most likely diagnosis is {w.label(case.condition)}." + (f" {_URGENT}" if urgent else "")
    reference = Reference(kind="concepts", concepts=(case.accepted,), forbidden=case.forbidden)
    naive = f"The most likely diagnosis is {w.label(case.other)}."
    return Draft(case, question, reference, f"<think> {reasoning(case, w.knowledge.graph)} </think> {answer}", naive, steps=steps_of(case))


def emergency(case: Case, w: Writer) -> Draft:
    """Findings of a condition, and the one that must not wait."""
    graph = w.knowledge.graph
    flag = case.facts[0]
    shown = present(case, w)
    question, _ = _told(Scene(shown, w), w)
    answer = f"The most likely diagnosis is {w.label(case.condition)}. {capital(flag.detail)}: {lower(w.label(case.other))} is a red flag."
    first = next(iter(graph.treatments(case.condition, "first")), None)
    calm = treatment_sentence(first, graph) if first else f"The most likely diagnosis is {w.label(case.condition)}."
    return Draft(shown, question, Reference(kind="urgent"), f"<think> {reasoning(shown, graph)} </think> {answer}", calm, steps=steps_of(shown))


def follow_up(case: Case, w: Writer) -> Draft:
    question, urgent = _told(Scene(case, w), w)
    answer = red_flag_sentence(case.facts[0], w.knowledge.graph) + (f" {_URGENT}" if urgent else "")
    return Draft(case, question, choice_reference(case), answer, "Seek medical advice if symptoms worsen.", steps=steps_of(case))


def _told(scene: Scene, w: Writer) -> tuple[str, bool]:
    """The question, and whether the guard reads an emergency in it. What is denied must not be what sounds urgent: then it is left out."""
    question = scene.question()
    urgent = sounds_urgent(question)
    if urgent and scene.absent:
        question = scene.question(with_absent=False)
        urgent = sounds_urgent(question)
    return question, urgent


def safety_net_now(case: Case, w: Writer, *, urgent: bool = False) -> str:
    """The safety-net; where the findings hold a red flag already, its action comes now. `urgent`: it is an emergency for another reason."""
    graph = w.knowledge.graph
    flags = [f for s in case.symptoms if (f := graph.fact(case.condition, Relation.RED_FLAG, s))]
    if flags:
        flag = max(flags, key=lambda f: "emergency" in f.detail)
        return f"{capital(flag.detail)} now: {lower(w.label(flag.object))} is a red flag."
    return f"{safety_net(case.condition, graph)}{f' {_URGENT}' if urgent else ''}"


def _patient(case: Case) -> tuple[str, ...]:
    return (case.other,) if case.other else ()


WRITERS = {
    "vignette": vignette,
    **dict.fromkeys(("chronic_management", "drug_choice", "interaction_check", "renal", "pregnancy", "test_interpretation"), treated),
    "medication_review": review,
    "differential": differential,
    "acute_emergency": emergency,
    "follow_up": follow_up,
}
