"""Who sends a patient to urgent care, in every action of the base's red flags and in words that only sound like it."""

import pytest

from core.knowledge import Knowledge
from core.types import Relation
from core.urgency import asks_urgent_care


def test_every_action_of_a_red_flag_asks_for_urgent_care(knowledge: Knowledge) -> None:
    flags = [f for f in knowledge.graph.facts if f.relation is Relation.RED_FLAG]
    assert flags
    assert [f.detail for f in flags if not asks_urgent_care(f"{f.detail.capitalize()}.")] == []


@pytest.mark.parametrize(
    "reply",
    [
        "Give paracetamol at once and let her sleep it off.",
        "Take an antacid immediately.",
        "Reassure and discharge from hospital.",
        "Stop worrying at once; take a nap.",
    ],
)
def test_an_adverb_or_a_discharge_sends_nobody_to_urgent_care(reply: str) -> None:
    assert not asks_urgent_care(reply)


@pytest.mark.parametrize(
    "reply",
    ["Seek medical help at once.", "Call 999.", "Refer her immediately.", "Admit him to hospital.", "New confusion is an emergency.", "Go to A&E now."],
)
def test_an_act_with_its_destination_asks_for_urgent_care(reply: str) -> None:
    assert asks_urgent_care(reply)
