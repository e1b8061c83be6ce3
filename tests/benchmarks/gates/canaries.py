"""Simulated canaries whose truth is known, judged after every conversation by our bets and by the test that is common practice."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evals.sequential import wealth, weighted

SHARE: Final = 0.1
ALPHA: Final = 0.05
SIGNALS: Final = 4
CANARY_CONVERSATIONS: Final = 2000
"""Of the candidate, in each stream; production has nine times as many."""
_FIRST_LOOK: Final = 30
"""The z test is not asked about fewer conversations of the candidate: it knows its own limits as well as that."""


_DIFFICULT: Final = 0.05
_TURNS: Final = 6


@dataclass(frozen=True, slots=True)
class Traffic:
    name: str
    rate: float
    """Share of production's conversations that show the signal."""
    margin: float
    harm: float
    """By how much more often those of the candidate show it."""
    trend: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.ones_like
    """Factor of the rate, from the stream's beginning (0) to its end (1): the hospital's day, on both sides alike."""


class Found(NamedTuple):
    traffic: Traffic
    stopped: int
    """Streams in which our test stops the canary."""
    peeked: int
    """Those in which the z test does."""
    ours: tuple[float, float]
    """Conversations of the candidate until then: the median, and what 90 % of the streams need; infinity where too few are stopped."""
    z: tuple[float, float]
    streams: int


def _doubling(at: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 + at


def _daily(at: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 + 0.8 * np.sin(2.0 * np.pi * 10.0 * at)


UNHARMED: Final = tuple(
    Traffic(name, rate, margin, margin, trend)
    for rate, margin in ((0.01, 0.01), (0.05, 0.05), (0.2, 0.1))
    for name, trend in (("steady", np.ones_like), ("triples", _doubling), ("ten days and nights", _daily))
)
"""Worse by exactly the margin: the most that must not stop a canary."""
HARMED: Final = tuple(
    Traffic("steady", rate, margin, harm)
    for rate, margin, harms in ((0.01, 0.01, (0.03, 0.05, 0.1, 0.3)), (0.05, 0.05, (0.1, 0.15, 0.3)), (0.2, 0.1, (0.2, 0.3, 0.5)))
    for harm in harms
)


def simulate(traffic: Traffic, streams: int) -> Found:
    rng = np.random.default_rng([round(1e4 * traffic.rate), round(1e4 * traffic.harm), len(traffic.name)])
    pairs = [_stopped(traffic, rng) for _ in range(streams)]
    ours, peeked = (np.array(side) for side in zip(*pairs, strict=True))
    return Found(traffic, int(np.isfinite(ours).sum()), int(np.isfinite(peeked).sum()), _until(ours), _until(peeked), streams)


def stopped_by_turns(streams: int, margin: float = 0.01) -> int:
    """Streams in which the same bets stop a candidate that is exactly as good, when every turn is taken for a unit.

    One conversation in twenty is about a patient whom both sides get wrong in every one of six turns: a coin is thrown for six values, not for one.
    """
    rng = np.random.default_rng(6)
    total = round(CANARY_CONVERSATIONS / SHARE / _TURNS)
    stopped = 0
    for _ in range(streams):
        candidate_N, difficult_N = (np.repeat(rng.random(total) < chance, _TURNS) for chance in (SHARE, _DIFFICULT))
        wealth_N = wealth(weighted(candidate_N, difficult_N, SHARE), margin)
        stopped += bool((wealth_N >= SIGNALS / ALPHA).any())
    return stopped


def _stopped(traffic: Traffic, rng: np.random.Generator) -> tuple[float, float]:
    """After how many conversations of the candidate either test stops the canary; infinity: never."""
    total = round(CANARY_CONVERSATIONS / SHARE)
    candidate_N = rng.random(total) < SHARE
    rate_N = np.clip(traffic.rate * traffic.trend(np.linspace(0.0, 1.0, total)), 0.0, 1.0)
    shown_N = rng.random(total) < np.where(candidate_N, rate_N + traffic.harm, rate_N)
    wealth_N = wealth(weighted(candidate_N, shown_N, SHARE), traffic.margin)
    count_N = candidate_N.cumsum()
    return _first(wealth_N >= SIGNALS / ALPHA, count_N), _first(_z_stops(candidate_N, shown_N, traffic.margin), count_N)


def _z_stops(candidate_N: NDArray[np.bool_], shown_N: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """The one-sided z test of two proportions for one sample size, at the same share of alpha, asked after every conversation."""
    n_N, m_N = candidate_N.cumsum(), (~candidate_N).cumsum()
    p_N = (shown_N & candidate_N).cumsum() / np.maximum(n_N, 1)
    q_N = (shown_N & ~candidate_N).cumsum() / np.maximum(m_N, 1)
    error_N = np.sqrt(p_N * (1 - p_N) / np.maximum(n_N, 1) + q_N * (1 - q_N) / np.maximum(m_N, 1))
    return (n_N >= _FIRST_LOOK) & (m_N >= _FIRST_LOOK) & (p_N - q_N - margin > stats.norm.isf(ALPHA / SIGNALS) * error_N)


def _first(stops_N: NDArray[np.bool_], count_N: NDArray[np.int64]) -> float:
    return float(count_N[stops_N.argmax()]) if stops_N.any() else float("inf")


def _until(counts_S: NDArray[np.float64]) -> tuple[float, float]:
    ordered_S = np.sort(counts_S)
    return float(ordered_S[len(ordered_S) // 2]), float(ordered_S[int(np.ceil(0.9 * len(ordered_S))) - 1])
