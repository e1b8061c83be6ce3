"""IFEval's four figures: by prompt and by instruction, strict and loose."""

from datetime import UTC, datetime

import pytest

from core.types import Capability, Check, EvalReport, ExamItem, ItemResult, Message, Reference
from evals.following import Following, following
from evals.suites import Suite

NO_COMMA = Check(kind="punctuation:no_comma")
LOWER = Check(kind="change_case:english_lowercase")


def item(question: str, *checks: Check) -> ExamItem:
    asked = (Message(role="user", content=question),)
    return ExamItem(messages=asked, capability=Capability.INSTRUCTION, family="ifeval", reference=Reference(kind="form"), checks=checks, cluster=question)


SUITE = Suite("s", (item("one", NO_COMMA, LOWER), item("two", NO_COMMA), item("three")))


def report(*replies: str | None) -> EvalReport:
    results = [
        ItemResult(
            item_id=i.id, capability=i.capability, family=i.family, cluster=i.cluster, reply=reply or "", scores=(), correct=None,
            error=None if reply is not None else "refused",
        )
        for i, reply in zip(SUITE.items, replies, strict=False)
    ]  # fmt: skip
    return EvalReport(suite="s", suite_hash="x", model="m", items=tuple(results), created_at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (("the patient is well and all of this is in small letters", "this sentence goes on without it"), Following(2, 1.0, 1.0, 1.0, 1.0)),
        (("The patient is well but Not All of it is small", "this sentence goes on without it"), Following(2, 0.5, 2 / 3, 0.5, 2 / 3)),
        (
            ("Sure, here it is:\nthe patient is well and all of this is in small letters", "this sentence goes on without it"),
            Following(2, 0.5, 1 / 3, 1.0, 1.0),
        ),
        (
            ("<think> Well, now. </think> the patient is well and all of this is in small letters", "this sentence goes on without it"),
            Following(2, 1.0, 1.0, 1.0, 1.0),
        ),
        ((None, "this sentence goes on without it"), Following(2, 0.5, 1 / 3, 0.5, 1 / 3)),
        (("the patient is well and all of this is in small letters",), Following(2, 0.5, 2 / 3, 0.5, 2 / 3)),
        (("", ""), Following(2, 0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_shares_by_prompt_and_by_instruction(replies: tuple[str | None, ...], expected: Following) -> None:
    found = following(SUITE, report(*replies))
    assert found is not None
    assert tuple(found) == pytest.approx(tuple(expected))


def test_a_suite_without_instructions_has_none() -> None:
    assert following(Suite("s", SUITE.items[2:]), report("x")) is None
