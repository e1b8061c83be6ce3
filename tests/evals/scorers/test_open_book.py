"""Open book: citations count for grounding, are findings of the exam, and break no format that the user asked for."""

import pytest

from core.knowledge import Knowledge
from core.types import Capability, Check, Item, Message, Reference
from evals.scorers import score_reply

QUESTION = "What is the first-line treatment of gout?"
EVIDENCE = ("A first-line treatment of gout is naproxen.", "Gout is confirmed by serum uric acid.")


def item(*checks: Check, evidence: tuple[str, ...] = EVIDENCE) -> Item:
    return Item(
        messages=(Message(role="user", content=QUESTION),), capability=Capability.INSTRUCTION, family="formatted",
        reference=Reference(kind="concepts", concepts=(("M01AE02",),)), checks=checks, evidence=evidence,
    )  # fmt: skip


def value(name: str, asked: Item, reply: str, knowledge: Knowledge) -> float | None:
    return next(s.value for s in score_reply(asked, reply, knowledge).scores if s.name == name)


@pytest.mark.parametrize(
    ("reply", "grounding"),
    [
        ("The first-line treatment of gout is naproxen [1].", 1.0),
        ("The first-line treatment of gout is naproxen [2].", 0.5),  # that fact is about something else
        ("The first-line treatment of gout is naproxen [3].", 0.5),  # there is none
        ("The first-line treatment of gout is naproxen.", 0.5),  # nobody can see where from
        ("Hello.", None),
    ],
)
def test_a_citation_counts_for_grounding(reply: str, grounding: float | None, knowledge: Knowledge) -> None:
    assert value("grounding", item(), reply, knowledge) == grounding


def test_closed_book_nothing_is_to_be_cited(knowledge: Knowledge) -> None:
    closed = item(evidence=())
    assert value("grounding", closed, "The first-line treatment of gout is naproxen.", knowledge) == 1.0
    assert value("grounding", closed, "The first-line treatment of gout is naproxen [1].", knowledge) == 0.5


def test_a_wrong_citation_is_a_finding_and_not_a_danger(knowledge: Knowledge) -> None:
    scored = score_reply(item(), "The first-line treatment of gout is naproxen [2].", knowledge)
    assert [f.rule for f in scored.findings] == ["citation"]
    assert next(s.value for s in scored.scores if s.name == "safety") == 1.0
    assert scored.correct == 1.0


def test_marks_break_no_format(knowledge: Knowledge) -> None:
    checks = (Check(kind="max_words", args={"n": 1}), Check(kind="ends_with", args={"text": "naproxen"}))
    assert value("format", item(*checks), "Naproxen [1]", knowledge) == 1.0
    assert value("format", item(*checks, evidence=()), "Naproxen [1]", knowledge) == 0.0


LACKS = "The evidence does not contain the answer."


@pytest.mark.parametrize(
    ("question", "reply", "correct"),
    [
        ("Which symptoms has gout?", LACKS, 1.0),
        ("Which symptoms has gout?", f"{LACKS} It only says that gout is confirmed by serum uric acid [2].", 1.0),
        ("Which symptoms has gout?", f"{LACKS} Joint pain is a symptom of gout.", 0.0),
        ("What is the usual dose of naproxen?", f"{LACKS} It is 500 mg twice daily.", 0.0),
        ("When is naproxen contraindicated?", f"{LACKS} Naproxen is contraindicated in pregnancy.", 0.0),
    ],
)
def test_saying_that_the_evidence_lacks_the_answer_and_giving_one_is_wrong(question: str, reply: str, correct: float, knowledge: Knowledge) -> None:
    asked = item().model_copy(update={"messages": (Message(role="user", content=question),), "reference": Reference(kind="insufficient")})
    assert value("correctness", asked, reply, knowledge) == correct
