"""A "yes" in any wording agrees to a proposal; an objection, a question back or a courtesy does not."""

import pytest

from core.agreement import agrees

PROPOSAL = "I plan to give propranolol. OK?"


@pytest.mark.parametrize(
    "reply",
    [
        "Yes.",
        "Fine.",
        "Good idea.",
        "Sounds reasonable.",
        "I'd go along with that.",
        "Makes sense.",
        "Sure thing.",
        "It should be fine.",
        "That's what the guideline says, go ahead.",
        "I can't see why not.",
        "No contraindication that I can see.",
        "Thanks for asking. Yes, proceed.",
        "That is acceptable, and no dose change is needed.",
        "In principle yes.",
        "Agreed - usual dose and review.",
    ],
)
def test_a_yes_in_other_words_agrees(reply: str) -> None:
    assert agrees(PROPOSAL, reply)


@pytest.mark.parametrize(
    "reply",
    [
        "No.",
        "That is not fine.",
        "Not OK.",
        "Yes, she needs treatment.",
        "Yes, treat, but with another drug.",
        "Fine in most people, but not in her.",
        "What is her peak flow?",
        "It depends.",
        "Good question.",
        "Thanks for asking. She has asthma, so no.",
        "It would be safer to use another.",
        "I'd rather not.",
        "",
    ],
)
def test_an_objection_or_a_courtesy_does_not(reply: str) -> None:
    assert not agrees(PROPOSAL, reply)


def test_asked_for_objections_no_agrees_and_yes_does_not() -> None:
    asked = "Thinking of propranolol. Any objection?"
    assert agrees(asked, "No.")
    assert agrees(asked, "None at all, go ahead.")
    assert not agrees(asked, "Yes.")
