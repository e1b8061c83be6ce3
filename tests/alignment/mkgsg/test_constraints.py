"""Constrained answers do as they are told and stay true; the plain text beside them does not do as told."""

import random
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.mkgsg.constraints import RULES, Constrained, Content, Note, clinical_note, constrained
from alignment.mkgsg.constraints.wording import BLANKS, ENDINGS, INSTRUCTIONS, LANGUAGES, NOTES
from alignment.mkgsg.grammar import matches
from alignment.mkgsg.writer import Writer
from core.knowledge import builtin
from core.knowledge.claims import check_claims
from core.knowledge.graph import Fact, Kind
from core.types import Relation, Verdict
from core.urgency import asks_urgent_care
from evals.scorers.format import CHECKERS, IFEVAL, loose, passes
from evals.scorers.format.clinical import CLINICAL
from evals.scorers.format.language import is_in
from evals.suites import load_suite

KNOWN = builtin()
GRAPH = KNOWN.graph
KEYS = {
    Relation.TREATED_BY: "drug", Relation.INVESTIGATED_BY: "test", Relation.HAS_SYMPTOM: "symptom", Relation.CONTRAINDICATED_IN: "contraindication",
    Relation.INTERACTS_WITH: "interaction", Relation.DOSE: "dose",
}  # fmt: skip


def writer(seed: int, held_out: bool | None = None) -> Writer:
    return Writer(KNOWN, random.Random(seed), held_out=held_out)


def about(fact: Fact) -> Content:
    answer = fact.object if fact.relation is Relation.DOSE else GRAPH.label(fact.object)
    topic = GRAPH.label(fact.subject)
    return Content(GRAPH.sentence(fact), (answer,), topic, KEYS[fact.relation], question=f"What about {topic}?")


def ids(text: str, *kinds: Kind) -> set[str]:
    return {c.id for m in KNOWN.linker.mentions(text) for c in m.concepts if not kinds or c.kind in kinds}


def is_true(text: str) -> bool:
    return all(claim.verdict is Verdict.SUPPORTED for claim in check_claims(text, KNOWN))


# What the claim checker cannot read back from its own sentence is no matter of form.
FACTS = [f for f in GRAPH.facts if f.relation in KEYS and is_true(GRAPH.sentence(f))]
TREATED = [f for f in FACTS if f.relation is Relation.TREATED_BY and f.line == "first"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FACTS), st.integers(0, 10**9))
def test_a_constrained_answer_passes_its_checks_is_true_and_still_names_the_answer(fact: Fact, seed: int) -> None:
    form = constrained(about(fact), writer(seed))
    assert 1 <= len(form.checks) <= 2
    assert all(passes(check, form.text) for check in form.checks), form
    assert not all(passes(check, form.plain) for check in form.checks), form
    assert is_true(form.text), (form.text, check_claims(form.text, KNOWN))
    assert is_true(form.plain), form.plain
    if fact.relation is not Relation.DOSE and fact.object in ids(GRAPH.label(fact.object).upper()):
        assert fact.object in ids(form.text), form.text
    assert not re.search(r"[{}|]", form.instruction.split('{"type"')[0]), form.instruction


def note_of(fact: Fact, rng: random.Random) -> Note:
    symptoms = [GRAPH.label(f.object) for f in GRAPH.facts_from(fact.subject, Relation.HAS_SYMPTOM)]
    return Note(
        "a 54-year-old woman", tuple(rng.sample(symptoms, min(3, len(symptoms)))) or ("malaise",), rng.choice(("", "hip fracture")),
        GRAPH.label(fact.subject), GRAPH.label(fact.object), "Seek medical advice if symptoms worsen.",
    )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(TREATED), st.integers(0, 10**9))
def test_a_clinical_note_passes_its_check_and_keeps_diagnosis_drug_and_safety_net(fact: Fact, seed: int) -> None:
    note = note_of(fact, random.Random(seed))
    form = clinical_note(note, writer(seed))
    assert all(passes(check, form.text) for check in form.checks), form
    assert not any(passes(check, form.plain) for check in form.checks), form
    assert {fact.subject, fact.object} <= ids(form.text), form.text
    assert note.safety_net.rstrip(".") in form.text
    assert is_true(form.text), form.text


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TREATED), st.integers(0, 10**9))
def test_a_text_that_must_be_said_whole_keeps_every_sentence(fact: Fact, seed: int) -> None:
    condition, drug = GRAPH.label(fact.subject), GRAPH.label(fact.object)
    content = Content(f"Give {drug} for {condition}. Seek medical advice if symptoms worsen.", (condition, drug), condition, labels_suffice=False)
    form = constrained(content, writer(seed))
    assert "symptoms worsen" in re.sub(r"[*\s]+", " ", form.text).lower(), form


@pytest.fixture(scope="module")
def many() -> list[Constrained]:
    verdicts = [about(f)._replace(text=f"No. {GRAPH.sentence(f)}", verdict="no") for f in FACTS if f.relation is Relation.CONTRAINDICATED_IN]
    drawn = random.Random(5)
    contents = [about(f) for f in drawn.choices(FACTS, k=1_300)] + drawn.choices(verdicts, k=250)
    notes = [clinical_note(note_of(drawn.choice(TREATED), drawn), writer(seed)) for seed in range(60)]
    return [constrained(content, writer(seed)) for seed, content in enumerate(contents)] + notes


def test_every_type_of_ifeval_and_every_clinical_form_is_asked_for(many: list[Constrained]) -> None:
    drawn = Counter(check.kind for form in many for check in form.checks)
    assert set(drawn) == set(IFEVAL) | set(CLINICAL)
    assert {len(form.checks) for form in many} == {1, 2}
    assert set(drawn) <= set(CHECKERS)


def test_the_loose_verdict_accepts_every_reference(many: list[Constrained]) -> None:
    assert all(loose(check, form.text) for form in many for check in form.checks)


def test_no_instruction_is_one_of_the_exam(many: list[Constrained]) -> None:
    asked = " ".join(m.content for item in load_suite("starter").items if item.checks for m in item.messages)
    assert [form.instruction for form in many if form.instruction in asked] == []


def test_an_instruction_names_no_concept_but_the_answers_own() -> None:
    """What it named would be read as the patient's: "fits" is a lay word for a seizure."""
    for seed in range(600):
        named = ids(constrained(CONTENT, writer(seed)).instruction) | ids(
            clinical_note(note_of(TREATED[seed % 50], random.Random(seed)), writer(seed)).instruction
        )
        assert named <= ids(CONTENT.text)


def test_the_wording_varies(many: list[Constrained]) -> None:
    assert len({re.sub(r"\d+|\"[^\"]*\"", "", form.instruction) for form in many}) > 0.6 * len(many)


def test_held_out_wordings_are_not_trained_ones() -> None:
    for kind, phrasings in INSTRUCTIONS.items():
        assert not [(kind, phrasing) for phrasing in phrasings.held_out for template in phrasings.trained if matches(template, phrasing)]


@pytest.mark.parametrize("held_out", [False, True])
def test_the_seed_decides_all(held_out: bool) -> None:
    contents = [about(f) for f in FACTS[::40]]
    first, again = ([constrained(c, writer(n, held_out)) for n, c in enumerate(contents)] for _ in range(2))
    assert first == again
    assert first != [constrained(c, writer(n + 1, held_out)) for n, c in enumerate(contents)]


def test_what_fills_a_reply_claims_nothing() -> None:
    for text in (*NOTES, *BLANKS, *ENDINGS, " ".join(NOTES)):
        assert not ids(text), text
        assert not check_claims(text, KNOWN)
        assert not asks_urgent_care(text), text


def test_a_drug_in_another_language_is_read_as_that_language_and_that_drug() -> None:
    told, wrong = 0, 0
    for drug in GRAPH.of_kind(Kind.DRUG)[::15]:
        for code, (_, sentence) in LANGUAGES.items():
            text = sentence.format(a=drug.label)
            told, wrong = told + 1, wrong + (not is_in(code, text))
            assert drug.id in ids(text)
            assert not is_in("en", text)
    assert wrong <= 0.02 * told


CONTENT = Content("The first-line treatment of gout is naproxen.", ("naproxen",), "gout", "drug", "What helps in gout?")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_carries_out_its_own_instruction_and_its_plain_text_does_not(rule: Any) -> None:
    made = [c for seed in range(20) if (c := rule(CONTENT.text, CONTENT._replace(verdict="yes" if rule.__name__ == "verdict" else ""), writer(seed)))]
    followed = [passes(c.check, c.text) and not passes(c.check, c.plain) for c in made]
    assert made
    assert sum(followed) >= 0.6 * len(made)  # what does not work out on this text is drawn again


def test_a_question_that_yes_or_no_answers_is_not_repeated() -> None:
    content = CONTENT._replace(text="No. Naproxen is contraindicated in asthma.", verdict="no")
    assert all(c.kind != "combination:repeat_prompt" for seed in range(300) for c in constrained(content, writer(seed)).checks)
