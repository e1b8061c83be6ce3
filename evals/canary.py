"""A canary: which conversations the candidate answers, and what those that have settled say of it. Pure; `workers` look, the gateway asks who answers.

The unit is the conversation, because that is what the coin is thrown for: its turns share a patient and a side, and are no observations of their own.
Each counts as what showed within `settle_minutes` of its first question, taken into account at once when that time is over, so that the order of
the units is that of their beginnings, which no side can change. A value that changed later, or came sooner for bad replies than for good ones, would break
the proof (Lindon & Kallus, arXiv 2603.25971v1). A conversation counts for the side of its coin whoever answered it, since the candidate's may have been
answered by production while vLLM did not serve the candidate: that makes the sides more alike, and leaves the coin fair.

Every look begins from nothing and sees all rows: the same rows give the same state, and a worker that was killed leaves nothing behind.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from core.safety import ON_THE_QUESTION
from core.store import CanaryJudgement, CanaryTurn
from core.types import Severity, Value
from evals.decision import CanaryPolicy, Signal
from evals.sequential import missing, wealth, weighted

UNWATCHED_SECONDS = 120.0
"""A canary that no worker has looked at for so long (beat sends one every ten seconds) gets no questions."""
_COMMIT_SECONDS = 60.0
"""A row bears the time of before its commit, which waits for other writers: so much later than it settled is a conversation sure to be whole."""


def on_candidate(round_id: str, conversation_id: str, share: float) -> bool:
    """The coin of a conversation: the same in every process, at every time. Fair, because the gateway makes the ids at random."""
    digest = hashlib.sha256(f"{round_id} {conversation_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2.0**64


class Verdict(StrEnum):
    WATCHING = "watching"
    HARM = "harm"
    PASSED = "passed"
    STARVED = "starved"
    """The time is over and the minimum was not reached."""


class Watch(Value):
    """One signal so far."""

    signal: Signal
    production: float | None
    """Share of the settled conversations that show it; None where there are none, and for `lost`, which is a matter of both sides."""
    candidate: float | None
    """For `lost` the share of its own that seems to be missing."""
    margin: float
    wealth: float
    """The highest since the canary began: 1 at first."""
    limit: float

    @property
    def is_reached(self) -> bool:
        return self.wealth >= self.limit


class Count(Value):
    """What has settled on one side."""

    conversations: int = 0
    turns: int = 0


class CanaryState(Value):
    """What a look saw. The gateway goes by it: without one, or with an old one, no question goes to the candidate."""

    share: float
    min_turns: int
    began_at: datetime
    seen_at: datetime
    verdict: Verdict = Verdict.WATCHING
    reason: str = ""
    """What it waits for, or why it ended."""
    production: Count = Count()
    candidate: Count = Count()
    """Its turns are those that the candidate answered itself."""
    settling: int = 0
    """Conversations that do not count yet."""
    signals: tuple[Watch, ...] = ()


class Unit(NamedTuple):
    """A settled conversation."""

    on_candidate: bool
    turns: int
    """In production of the parent, on the other side of the candidate."""
    signals: frozenset[Signal]


def open_state(policy: CanaryPolicy, now: datetime) -> CanaryState:
    """Of a canary that begins."""
    return CanaryState(
        share=policy.share, min_turns=policy.min_turns, began_at=now, seen_at=now, reason=f"{policy.min_turns} turns and {policy.min_hours:g} hours"
    )


def look(
    policy: CanaryPolicy,
    before: CanaryState,
    round_id: str,
    parent_id: str,
    candidate_id: str,
    turns: Sequence[CanaryTurn],
    judgements: Sequence[CanaryJudgement],
    now: datetime,
) -> CanaryState:
    """The state of a canary at `now`. `turns` as `store.canary_turns` orders them."""
    settles = timedelta(minutes=policy.settle_minutes)
    disliked: dict[str, datetime] = {}
    for judgement in filter(_is_dislike, judgements):
        disliked[judgement.turn_id] = min(judgement.at, disliked.get(judgement.turn_id, judgement.at))
    units, settling = [], 0
    for conversation_id, said in groupby(turns, key=lambda t: t.conversation_id):
        of_it = list(said)
        end = of_it[0].began_at + settles
        if now < end + timedelta(seconds=_COMMIT_SECONDS):
            settling += 1
            continue
        is_candidates = on_candidate(round_id, conversation_id, policy.share)
        # Any other checkpoint was asked by its name, which is not what the coin was thrown for.
        answering = {parent_id, candidate_id} if is_candidates else {parent_id}
        counted = [t for t in of_it if t.at <= end and t.checkpoint_id in answering]
        shown = frozenset(s for t in counted for s in _signals(policy, t, disliked.get(t.turn_id), end))
        own = candidate_id if is_candidates else parent_id
        units.append(Unit(is_candidates, sum(t.checkpoint_id == own for t in counted), shown))
    return _judged(policy, before, units, settling, now)


def _is_dislike(judgement: CanaryJudgement) -> bool:
    """By a person: what a script said is about nobody's patient."""
    return "simulated" not in judgement.flags and (min(judgement.ratings.values(), default=0) < 0 or "unsafe" in judgement.flags)


def _signals(policy: CanaryPolicy, turn: CanaryTurn, disliked_at: datetime | None, end: datetime) -> set[Signal]:
    shown = set()
    if any(f["severity"] == Severity.CRITICAL and f["rule"] not in ON_THE_QUESTION for f in turn.findings):
        shown.add(Signal.UNSAFE)
    if disliked_at is not None and disliked_at <= end:
        shown.add(Signal.DISLIKED)
    if turn.latency_ms > 1000.0 * policy.slow_seconds or turn.finish_reason == "error":
        shown.add(Signal.SLOW)
    return shown


def watch(policy: CanaryPolicy, units: Sequence[Unit]) -> tuple[Watch, ...]:
    """Every signal over the settled conversations, in the order in which they began."""
    share, is_candidates = policy.share, [u.on_candidate for u in units]
    found = []
    for signal in Signal:
        if signal is Signal.LOST:
            differences = missing(is_candidates, share)
            production, candidate = None, max(0.0, 1.0 - sum(is_candidates) / len(units) / share) if units else None
        else:
            shown = [signal in u.signals for u in units]
            differences = weighted(is_candidates, shown, share)
            production, candidate = (_rate([s for s, c in zip(shown, is_candidates, strict=True) if c is side]) for side in (False, True))
        margin = policy.margins.of(signal)
        found.append(
            Watch(
                signal=signal,
                production=production,
                candidate=candidate,
                margin=margin,
                wealth=float(wealth(differences, margin).max(initial=1.0)),
                limit=len(Signal) / policy.alpha,
            )
        )
    return tuple(found)


def _rate(shown: Sequence[bool]) -> float | None:
    return sum(shown) / len(shown) if shown else None


def _judged(policy: CanaryPolicy, before: CanaryState, units: Sequence[Unit], settling: int, now: datetime) -> CanaryState:
    counts = {
        side: Count(conversations=sum(u.on_candidate is side for u in units), turns=sum(u.turns for u in units if u.on_candidate is side))
        for side in (False, True)
    }
    signals = watch(policy, units)
    verdict, reason = _verdict(policy, signals, counts[True].turns, (now - before.began_at).total_seconds() / 3600.0)
    return before.model_copy(
        update={
            "seen_at": now,
            "verdict": verdict,
            "reason": reason,
            "production": counts[False],
            "candidate": counts[True],
            "settling": settling,
            "signals": signals,
        }
    )


def _verdict(policy: CanaryPolicy, signals: Sequence[Watch], turns: int, hours: float) -> tuple[Verdict, str]:
    """Harm before anything else; then the minimum; then the end of patience."""
    if harm := [s for s in signals if s.is_reached]:
        return Verdict.HARM, "; ".join(_told(s) for s in harm)
    if turns >= policy.min_turns and hours >= policy.min_hours:
        return Verdict.PASSED, f"{turns} turns in {hours:.1f} hours without harm beyond the margins"
    if hours >= policy.max_hours:
        return Verdict.STARVED, f"the candidate answered {turns} of {policy.min_turns} turns in {policy.max_hours:g} hours; ask for fewer or wait longer"
    waits = [f"{policy.min_turns - turns} more turns"] if turns < policy.min_turns else []
    waits += [f"{policy.min_hours - hours:.1f} more hours"] if hours < policy.min_hours else []
    return Verdict.WATCHING, " and ".join(waits)


def _told(watch: Watch) -> str:
    rates = f"{watch.candidate or 0.0:.1%} of the candidate's conversations"
    rates += f", {watch.production:.1%} of production's" if watch.production is not None else ""
    return f"{watch.signal}: {rates}; the margin is {watch.margin:.1%}, the evidence {watch.wealth:.0f} of {watch.limit:.0f}"
