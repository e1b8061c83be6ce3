"""A label is right when the first line is it and nothing else; case and punctuation aside."""

import pytest

from core.knowledge import Knowledge
from core.types import Capability, Item, Message, Reference
from evals.scorers import score_reply


def item(answer: str) -> Item:
    asked = (Message(role="user", content="Which?\nA. x\nB. y\nAnswer:"),)
    return Item(messages=asked, capability=Capability.DOMAIN, family="mmlu", reference=Reference(kind="choice", text=answer))


@pytest.mark.parametrize("reply", ["B", "b", " B", "(B)", "B.", "B\nbecause of A", "<think> A or B? </think> B"])
def test_the_label_alone_is_right(reply: str, knowledge: Knowledge) -> None:
    assert score_reply(item("B"), reply, knowledge).correct == 1.0


@pytest.mark.parametrize("reply", ["", "A", "A B", "A, B", "\nB", "The answer is B.", "B. y", "A\nB", "<think> B </think>", "<think> B"])
def test_anything_else_is_wrong(reply: str, knowledge: Knowledge) -> None:
    assert score_reply(item("B"), reply, knowledge).correct == 0.0


def test_words_are_labels_too(knowledge: Knowledge) -> None:
    assert score_reply(item("maybe"), "Maybe.", knowledge).correct == 1.0
    assert score_reply(item("maybe"), "yes", knowledge).correct == 0.0


@pytest.mark.parametrize("reply", ["", "-", "???", "\n"])
def test_nothing_is_no_answer_whatever_the_label(reply: str, knowledge: Knowledge) -> None:
    assert score_reply(item("+"), reply, knowledge).correct == 0.0
