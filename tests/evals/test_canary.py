"""Sides, what counts of a conversation and when, and how a canary ends."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.store import CanaryJudgement, CanaryTurn
from core.tables import new_id
from evals.canary import CanaryState, Unit, Verdict, look, on_candidate, open_state, watch
from evals.decision import CanaryMargins, CanaryPolicy, Signal

BEGAN = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
POLICY = CanaryPolicy(share=0.5, min_turns=3, min_hours=1.0, max_hours=10.0, slow_seconds=10.0, settle_minutes=30.0)
CRITICAL = {"rule": "contraindication", "severity": "critical", "quote": "", "evidence": None}
ids = st.text("0123456789abcdef", min_size=16, max_size=16)


def conversation_on(candidate: bool, number: int = 0) -> str:
    """The id of the `number`th conversation on that side."""
    return [f"conv-{i}" for i in range(1000) if on_candidate("round-1", f"conv-{i}", POLICY.share) is candidate][number]


def turn(conversation_id: str, minute: float = 1.0, began: float = 0.0, **changes: Any) -> CanaryTurn:
    """One of an inconspicuous turn, `minute` minutes after its conversation, which began `began` minutes after the canary."""
    at = BEGAN + timedelta(minutes=began)
    own = "cp-new" if on_candidate("round-1", conversation_id, POLICY.share) else "cp-old"
    whole = CanaryTurn(conversation_id, at, f"turn-{conversation_id}-{minute}", at + timedelta(minutes=minute), own, "stop", 900.0, [])
    return whole._replace(**changes)


def judged(of: CanaryTurn, minute: float, rating: int = -1, flags: Sequence[str] = ()) -> CanaryJudgement:
    return CanaryJudgement(of.turn_id, of.began_at + timedelta(minutes=minute), {"overall": rating} if rating else {}, list(flags))


def seen(turns: Sequence[CanaryTurn], judgements: Sequence[CanaryJudgement] = (), hours: float = 5.0, policy: CanaryPolicy = POLICY) -> CanaryState:
    ordered = sorted(turns, key=lambda t: (t.began_at, t.conversation_id, t.at))
    return look(policy, open_state(policy, BEGAN), "round-1", "cp-old", "cp-new", ordered, judgements, BEGAN + timedelta(hours=hours))


def rate(state: CanaryState, signal: Signal) -> float | None:
    return next(w.candidate for w in state.signals if w.signal is signal)


# --- sides --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.5])
def test_as_many_conversations_are_the_candidates_as_the_policy_says(share: float) -> None:
    """A fair coin falls outside these bounds once in ten million times."""
    count = sum(on_candidate("round-1", f"conv-{i:x}", share) for i in range(20_000))
    low, high = stats.binom.interval(1.0 - 1e-7, 20_000, share)
    assert low <= count <= high


@given(ids, ids, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_a_side_follows_from_the_ids_alone_and_a_larger_share_moves_nobody_back(round_id: str, conversation_id: str, one: float, other: float) -> None:
    sides = [on_candidate(round_id, conversation_id, share) for share in sorted((one, other))]
    assert sides == [on_candidate(round_id, conversation_id, share) for share in sorted((one, other))]
    assert sides[1] or not sides[0]


def test_another_round_throws_another_coin() -> None:
    names = [new_id("conv") for _ in range(500)]
    both = sum(on_candidate("round-1", n, 0.5) == on_candidate("round-2", n, 0.5) for n in names)
    assert 150 < both < 350


# --- what counts --------------------------------------------------------------------------------------------------------


def test_a_conversation_counts_once_it_has_settled() -> None:
    said = [turn(conversation_on(True), findings=[CRITICAL])]
    early, late = seen(said, hours=0.5), seen(said, hours=0.6)
    assert (early.settling, early.candidate.conversations, rate(early, Signal.UNSAFE)) == (1, 0, None)
    assert (late.settling, late.candidate.conversations, rate(late, Signal.UNSAFE)) == (0, 1, 1.0)


@pytest.mark.parametrize(
    ("changes", "signal", "shown"),
    [
        ({"findings": [CRITICAL]}, Signal.UNSAFE, 1.0),
        ({"findings": [{**CRITICAL, "severity": "warning"}]}, Signal.UNSAFE, 0.0),
        ({"findings": [{**CRITICAL, "rule": "emergency"}, {**CRITICAL, "rule": "harmful_request"}]}, Signal.UNSAFE, 0.0),
        ({"findings": [CRITICAL], "minute": 31.0}, Signal.UNSAFE, 0.0),
        ({"findings": [CRITICAL], "checkpoint_id": "cp-other"}, Signal.UNSAFE, 0.0),
        ({"latency_ms": 10_001.0}, Signal.SLOW, 1.0),
        ({"latency_ms": 10_000.0}, Signal.SLOW, 0.0),
        ({"finish_reason": "error"}, Signal.SLOW, 1.0),
        ({"finish_reason": "cancelled"}, Signal.SLOW, 0.0),
    ],
)
def test_what_a_turn_shows(changes: dict[str, Any], signal: Signal, shown: float) -> None:
    assert rate(seen([turn(conversation_on(True), **changes)]), signal) == shown


@pytest.mark.parametrize(
    ("minute", "rating", "flags", "shown"),
    [(5.0, -1, (), 1.0), (5.0, 0, ("unsafe",), 1.0), (5.0, 1, (), 0.0), (31.0, -1, (), 0.0), (5.0, -1, ("simulated",), 0.0)],
)
def test_what_people_say_of_a_turn_counts_while_its_conversation_settles(minute: float, rating: int, flags: tuple[str, ...], shown: float) -> None:
    said = turn(conversation_on(True))
    assert rate(seen([said], [judged(said, 40.0), judged(said, minute, rating, flags)]), Signal.DISLIKED) == shown


def test_many_bad_turns_of_one_conversation_are_one_bad_conversation() -> None:
    """Its turns share a patient and a side: that the sixth goes wrong after five that did is no news."""
    bad = [turn(conversation_on(True), minute, findings=[CRITICAL]) for minute in range(1, 7)]
    assert [w.wealth for w in seen(bad).signals] == [w.wealth for w in seen(bad[:1]).signals]
    assert seen(bad).candidate.turns == 6


def test_a_conversation_that_production_had_to_answer_counts_for_the_side_of_its_coin_but_not_as_the_candidates_turn() -> None:
    state = seen([turn(conversation_on(True), checkpoint_id="cp-old", findings=[CRITICAL])])
    assert (state.candidate.conversations, state.candidate.turns, rate(state, Signal.UNSAFE)) == (1, 0, 1.0)


def test_what_an_admin_asks_the_candidate_by_name_is_no_turn_of_the_canary() -> None:
    state = seen([turn(conversation_on(False)), turn(conversation_on(False), 2.0, checkpoint_id="cp-new", findings=[CRITICAL])])
    assert (state.production.turns, state.candidate.turns) == (1, 0)
    assert next(w.production for w in state.signals if w.signal is Signal.UNSAFE) == 0.0


# --- how it ends ---------------------------------------------------------------------------------------------------------


def conversations(candidate: bool, count: int, **changes: Any) -> list[CanaryTurn]:
    return [turn(conversation_on(candidate, i), began=i, **changes) for i in range(count)]


@pytest.mark.parametrize(
    ("turns", "hours", "verdict", "words"),
    [
        (2, 5.0, Verdict.WATCHING, "1 more turns"),
        (3, 0.7, Verdict.WATCHING, "0.3 more hours"),
        (2, 0.7, Verdict.WATCHING, "1 more turns and 0.3 more hours"),
        (3, 1.0, Verdict.PASSED, "3 turns in 1.0 hours"),
        (2, 10.0, Verdict.STARVED, "answered 2 of 3 turns in 10 hours"),
        (3, 10.0, Verdict.PASSED, "3 turns"),
    ],
)
def test_success_waits_for_its_turns_and_hours_and_patience_ends(turns: int, hours: float, verdict: Verdict, words: str) -> None:
    state = seen(conversations(True, turns) + conversations(False, 3), hours=hours)
    assert state.verdict is verdict
    assert words in state.reason


@pytest.mark.parametrize(
    ("changes", "signal"), [({"findings": [CRITICAL]}, Signal.UNSAFE), ({"latency_ms": 60_000.0}, Signal.SLOW), ({"finish_reason": "error"}, Signal.SLOW)]
)
def test_harm_stops_it_though_the_minimum_is_reached(changes: dict[str, Any], signal: Signal) -> None:
    state = seen(conversations(True, 40, **changes) + conversations(False, 40), hours=9.0)
    assert state.verdict is Verdict.HARM
    assert [w.signal for w in state.signals if w.is_reached] == [signal]
    assert {w.limit for w in state.signals} == {len(Signal) / POLICY.alpha}, "they share alpha"
    assert state.reason.startswith(f"{signal}: 100.0% of the candidate's conversations, 0.0% of production's; the margin is")


def test_what_is_as_bad_in_production_is_no_harm_of_the_candidates() -> None:
    changes: dict[str, Any] = {"findings": [CRITICAL], "latency_ms": 60_000.0}
    assert seen(conversations(True, 40, **changes) + conversations(False, 40, **changes)).verdict is Verdict.PASSED


def test_a_candidate_whose_conversations_leave_no_trace_is_stopped() -> None:
    state = seen(conversations(False, 60))
    assert state.verdict is Verdict.HARM
    assert state.reason.startswith("lost: 100.0% of the candidate's conversations; ")


some_units = st.lists(st.builds(Unit, on_candidate=st.booleans(), turns=st.integers(0, 5), signals=st.frozensets(st.sampled_from(Signal))), max_size=40)


@given(some_units, some_units)
def test_evidence_once_reached_is_not_unseen_by_what_comes_later(first: list[Unit], later: list[Unit]) -> None:
    """However long no worker has looked, the next look stops what an earlier one would have stopped."""
    for before, after in zip(watch(POLICY, first), watch(POLICY, [*first, *later]), strict=True):
        assert after.wealth >= before.wealth * (1.0 - 1e-12)
        assert before.wealth >= 1.0


@given(some_units)
def test_margins_only_make_it_more_patient(units: list[Unit]) -> None:
    wide = POLICY.model_copy(update={"margins": CanaryMargins(unsafe=0.2, disliked=0.2, slow=0.2, lost=0.2)})
    for strict, patient in zip(watch(POLICY, units), watch(wide, units), strict=True):
        assert patient.wealth <= strict.wealth * (1.0 + 1e-9)
