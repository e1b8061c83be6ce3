"""No way to score without knowing pays better than an honest reply that is right in part: real items of every family, both books.

What counts is compared: a component with what an honest partial reply gets in it, and the banded reward as a whole.
"""

from collections.abc import Iterator

import pytest

from alignment.rewards import banded_reward, reward_components
from core.knowledge import Knowledge
from tests.evals.scorers.attacks import BLIND, PADDED, SPOILT, THOUGHT, Attack
from tests.evals.scorers.honest import Answered, answered, half_right, partly_right

PER_FAMILY = 1
LONG = 3_000
"""Characters from which on an attack is tried on every fifth item only: it takes its time."""
HALF, ROUNDING = 0.5, 1e-9
Ratings = dict[str, float]
"""Component -> value; what is unscored earns less than nothing."""


_RATED: dict[tuple[str, str], Ratings] = {}


def rated(bed: Answered, reply: str) -> Ratings:
    if (bed.item.id, reply) not in _RATED:  # the same few replies are asked about by every test
        scores = reward_components(bed.item, reply, bed.knowledge)
        values = {name: score.value for name, score in scores.items()} | {"reward": banded_reward(scores, bed.item.capability)}
        _RATED[bed.item.id, reply] = {name: -1.0 if value is None else value for name, value in values.items()}
    return _RATED[bed.item.id, reply]


def honest(bed: Answered) -> dict[str, Ratings]:
    return {name: rated(bed, reply) for name, reply in partly_right(bed).items()}


def reference(bed: Answered) -> Ratings:
    return rated(bed, bed.reply)


def tried(knowledge: Knowledge, attacks: dict[str, Attack]) -> Iterator[tuple[Answered, str, str, Ratings]]:
    for number, bed in enumerate(answered(knowledge, PER_FAMILY)):
        for name, attack in attacks.items():
            reply = attack(bed)
            if reply is not None and (len(reply) < LONG or (number + len(name)) % 5 == 0):
                yield bed, name, reply, rated(bed, reply)


def limit(bed: Answered, attack: Ratings, *, knows: bool) -> float:
    """The least reward of an honest partial reply. One out of form is no measure for a reply in form: that is what forms are paid for."""
    partial = {name: r["reward"] for name, r in honest(bed).items() if name != "no form" or attack["format"] <= r["format"]}
    others = [] if knows else [rated(bed, reply)["reward"] for reply in half_right(bed).values()]
    return min([*partial.values(), *others, reference(bed)["reward"]])


def test_the_honest_partial_replies_are_right_and_partial(knowledge: Knowledge) -> None:
    beds = answered(knowledge, PER_FAMILY)
    assert {b.item.family for b in beds if partly_right(b) or half_right(b)} >= {b.item.family for b in beds if b.item.checks or b.item.steps}
    assert all(r["correctness"] == 1.0 for b in beds for r in honest(b).values())
    assert all(r["reward"] <= reference(b)["reward"] for b in beds for r in honest(b).values())


def test_who_knows_nothing_earns_less_than_who_knows_half(knowledge: Knowledge) -> None:
    found = [
        (bed.item.family, bed.item.book, name, reply[:200])
        for bed, name, reply, got in tried(knowledge, dict(BLIND))
        if got["correctness"] > HALF or got["reward"] > limit(bed, got, knows=False)
    ]
    assert found == []


@pytest.mark.parametrize(("component", "most", "earned"), [("grounding", HALF, "a true claim beside"), ("reasoning", HALF, ""), ("workflow", 2 / 3, "")])
def test_no_component_is_earned_without_knowing(component: str, most: float, earned: str, knowledge: Knowledge) -> None:
    attacks = {name: attack for name, attack in BLIND.items() if not earned or earned not in name}
    found = [
        (bed.item.family, bed.item.book, name, reply[:200], got[component])
        for bed, name, reply, got in tried(knowledge, attacks)
        if got[component] > most + ROUNDING
    ]
    assert found == []


def test_no_form_is_kept_by_saying_the_question_again(knowledge: Knowledge) -> None:
    attacks = {name: attack for name, attack in BLIND.items() if name.startswith(("nothing", "blanks", "the question,", "every number", "empty"))}
    assert [(bed.item.family, name, reply[:200]) for bed, name, reply, got in tried(knowledge, attacks) if got["format"] > 0] == []


def test_an_answer_that_is_given_and_taken_back_earns_no_more_than_half(knowledge: Knowledge) -> None:
    found = [
        (bed.item.family, bed.item.book, name, reply[:300], got)
        for bed, name, reply, got in tried(knowledge, dict(SPOILT))
        if got["correctness"] > HALF or got["reward"] > limit(bed, got, knows=True)
    ]
    assert found == []


def test_the_right_reply_gains_nothing_by_being_longer(knowledge: Knowledge) -> None:
    found = [
        (bed.item.family, bed.item.book, name, component, reply[:200])
        for bed, name, reply, got in tried(knowledge, dict(PADDED))
        for component, value in got.items()
        if value > reference(bed)[component] >= 0
    ]
    assert found == []


def test_a_right_answer_makes_no_thinking_right(knowledge: Knowledge) -> None:
    found = []
    for bed, name, reply, got in tried(knowledge, dict(THOUGHT)):
        if bed.item.steps and bed.thinking:
            steps = [r["reasoning"] for n, r in honest(bed).items() if n.startswith("step") and 0 < r["reasoning"] < 1]
            most = max(honest(bed)["no reason"]["reasoning"], min(HALF, max(steps, default=HALF)))
            found += [(bed.item.family, bed.item.book, name, reply[:200], got["reasoning"], most)] if got["reasoning"] > most else []
    assert found == []


def test_an_ambulance_for_every_question_costs_something(knowledge: Knowledge) -> None:
    attacks = {name: attack for name, attack in PADDED.items() if name == "and an ambulance"}
    found = [(bed.item.family, reply) for bed, _, reply, got in tried(knowledge, attacks) if got["reward"] >= reference(bed)["reward"]]
    assert found == []


def test_every_score_is_explained(knowledge: Knowledge) -> None:
    for bed in answered(knowledge, PER_FAMILY):
        for reply in (bed.reply, "", "Naproxen.", *partly_right(bed).values()):
            assert all(score.explanation for score in reward_components(bed.item, reply, knowledge).values())
