"""Each check says yes to what does as told, no to what only looks like it, and is never asked what it cannot judge."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.knowledge import Knowledge
from core.types import Capability, Check, Item, Message, Reference
from evals.scorers import format as form
from evals.scorers.format import passes
from evals.scorers.format.forms import FORMS

GOOD: dict[str, dict[str, Any]] = {
    "json_keys": {"keys": ["drug"]}, "bullets": {"n": 2}, "all_caps": {}, "lower_case": {}, "max_words": {"n": 3}, "starts_with": {"text": "Answer:"},
    "ends_with": {"text": "as per guideline"}, "one_sentence": {}, "has_sections": {"titles": ["Diagnosis", "Safety-net"]},
}  # fmt: skip
YES = [
    ("json_keys", '{"drug": "naproxen"}'), ("json_keys", '{"drug": ["naproxen"]}'), ("json_keys", '\n{"drug": 0}'),
    ("bullets", "- fever\n- cough"), ("bullets", "* fever\n\n* cough"), ("bullets", "• Fever.\n• Cough."),
    ("all_caps", "NAPROXEN 5 MG."), ("lower_case", "naproxen 5 mg."), ("max_words", "one two three"), ("starts_with", "answer: yes"),
    ("ends_with", "Naproxen, as per guideline."), ("ends_with", "naproxen as per guideline\n"),
    ("one_sentence", "Give 2.5 mg of it."), ("one_sentence", "Is it gout?"),
    ("has_sections", "Diagnosis: gout.\nSafety-net: come back."), ("has_sections", "Diagnosis: gout. Safety-net: come back."),
    ("has_sections", "**Diagnosis:** gout\n**Safety-net:** come back"), ("has_sections", "# Diagnosis:\ngout\n# Safety-net:\ncome back"),
]  # fmt: skip
NO = [
    ("json_keys", '{"drug": ""}'), ("json_keys", '{"drug": null}'), ("json_keys", '{"drug": []}'), ("json_keys", '{"drug": "a", "why": "b"}'),
    ("json_keys", "{}"),
    ("json_keys", '["drug"]'), ("json_keys", 'Here: {"drug": "a"}'), ("json_keys", "[" * 50_000), ("json_keys", "1" * 10_000),
    ("bullets", "- fever\n- fever"), ("bullets", "- fever\n- Fever."), ("bullets", "- fever"), ("bullets", "- a\n- b\n- c"), ("bullets", "Two:\n- a\n- b"),
    ("bullets", "-\n- a"), ("bullets", "- a - b"),
    ("all_caps", "Naproxen"), ("all_caps", "5"), ("lower_case", "Naproxen"), ("lower_case", "..."), ("max_words", "one two three four"),
    ("starts_with", "The answer: yes"), ("ends_with", "as per guideline, naproxen"), ("one_sentence", "Gout. Naproxen."), ("one_sentence", "gout"),
    ("one_sentence", "Gout\nis it."),
    ("has_sections", "Diagnosis: Safety-net:"), ("has_sections", "gout, come back. Diagnosis: Safety-net:"), ("has_sections", "Safety-net: a\nDiagnosis: b"),
    ("has_sections", "Diagnosis: a"), ("has_sections", "Diagnosis: a\nSafety-net: b\nDiagnosis: c"), ("has_sections", "Diagnosis: -\nSafety-net: ."),
]  # fmt: skip


def test_every_check_is_under_test() -> None:
    assert set(GOOD) == {kind for kind, _ in YES} == {kind for kind, _ in NO} == set(FORMS)


@pytest.mark.parametrize(("kind", "answer"), YES)
def test_what_does_as_told_passes(kind: str, answer: str) -> None:
    assert passes(Check(kind=kind, args=GOOD[kind]), answer)


@pytest.mark.parametrize(("kind", "answer"), NO)
def test_what_only_looks_like_it_fails(kind: str, answer: str) -> None:
    assert not passes(Check(kind=kind, args=GOOD[kind]), answer)


@given(st.sampled_from(sorted(GOOD)), st.text())
def test_any_text_can_be_judged(kind: str, answer: str) -> None:
    assert passes(Check(kind=kind, args=GOOD[kind]), answer) in (True, False)


BAD = [
    ("unknown", {}), ("json_keys", {}), ("json_keys", {"keys": "drug"}), ("json_keys", {"keys": []}), ("json_keys", {"keys": [""]}), ("json_keys", {"keys": 3}),
    ("bullets", {"n": "2"}), ("bullets", {"n": 2.5}), ("bullets", {"n": 0}), ("bullets", {"n": -1}), ("bullets", {"count": 2}), ("bullets", {"n": 2, "m": 3}),
    ("all_caps", {"n": 1}), ("max_words", {"n": ["1"]}), ("starts_with", {"text": 5}), ("starts_with", {"text": ""}), ("ends_with", {"text": ["a"]}),
    ("one_sentence", {"text": "a"}), ("has_sections", {"titles": "Diagnosis"}), ("has_sections", {"titles": []}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "args"), BAD)
@pytest.mark.parametrize("reply", ["", "gout", '{"drug": "x"}'])
def test_a_check_that_cannot_be_judged_is_the_askers_error_whatever_the_reply(knowledge: Knowledge, kind: str, args: dict[str, Any], reply: str) -> None:
    item = Item(
        messages=(Message(role="user", content="?"),), capability=Capability.INSTRUCTION, family="formatted", reference=Reference(kind="urgent"),
        checks=(Check(kind=kind, args=args),),
    )  # fmt: skip
    with pytest.raises(BadInput, match=kind):
        form.score(item, reply, knowledge)


def test_the_score_is_the_share_passed_and_an_empty_answer_passes_none(knowledge: Knowledge) -> None:
    item = Item(
        messages=(Message(role="user", content="?"),), capability=Capability.INSTRUCTION, family="formatted", reference=Reference(kind="urgent"),
        checks=(Check(kind="lower_case"), Check(kind="max_words", args={"n": 1})),
    )  # fmt: skip
    assert [form.score(item, reply, knowledge).value for reply in ("gout", "gout attack", "Gout Attack", "", "<think> gout </think>")] == [
        1.0,
        0.5,
        0.0,
        0.0,
        0.0,
    ]
    assert form.score(item.model_copy(update={"checks": ()}), "gout", knowledge).value is None
