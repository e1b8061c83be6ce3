"""A test that may be looked at after every observation: bets against "the candidate harms by no more than the margin".

Unit i goes to the candidate with a known probability, the share p, by a coin of its own, and shows a value x_i in [0, 1], 1 being bad. Let c_i be any number
in [0, 1] that was known before. Weighted by how probable its side was, d_i = (x_i - c_i) / p on the candidate and -(x_i - c_i) / (1 - p) in production has,
whatever came before, the mean "x_i with the candidate less x_i with production" (Horvitz & Thompson, JASA 47:663-685, 1952; c_i takes variance away and
nothing else). A gambler who stakes a fixed part of what he has on d_i being above the margin multiplies it by 1 + b (d_i - margin). If the harm is no more
than the margin, that factor has a mean of at most 1 and, with b small enough, is never negative: his wealth is a nonnegative supermartingale, and the chance
that it ever reaches 1 / alpha is at most alpha (Ville, Étude critique de la notion de collectif, 1939). So it may be looked at at any time, any number of
times, and stopped for any reason. Betting as a test of bounded means: Waudby-Smith & Ramdas, Journal of the Royal Statistical Society B 86:1-27, 2024. Proof
and conditions: docs/gates.md, "The canary".

Which part is best to stake depends on a harm that nobody knows, so the gambler divides his money among several and never moves it: a mean of such wealths is
one itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_PARTS_K = 0.5 ** np.arange(1, 11)
"""Of what a bettor could lose at most at one unit: a half for harm that is plain to see, a thousandth for one that is just beyond the margin."""
_LARGEST_EXPONENT = 700.0
"""Beyond it, a double overflows; no limit is anywhere near."""


class Differences(NamedTuple):
    """d of each unit, in order."""

    seen_N: NDArray[np.float64]
    least_N: NDArray[np.float64]
    """The lowest that it could have been: negative, and known before it was seen."""


def weighted(on_candidate: Sequence[bool], values: Sequence[float], share: float) -> Differences:
    """The differences of values in [0, 1]; c_i is the mean of the values before the i-th, of both sides (0 for the first)."""
    candidate_N, value_N = np.asarray(on_candidate, dtype=bool), np.asarray(values, dtype=np.float64)
    before_N = value_N.cumsum() - value_N
    centre_N = np.clip(before_N / np.maximum(np.arange(len(value_N)), 1), 0.0, 1.0)  # a sum of floats may be a hair above its number
    seen_N = np.where(candidate_N, (value_N - centre_N) / share, (centre_N - value_N) / (1.0 - share))
    return Differences(seen_N, -np.maximum(centre_N / share, (1.0 - centre_N) / (1.0 - share)))


def missing(on_candidate: Sequence[bool], share: float) -> Differences:
    """Of the units that were seen at all, 1 - 1 / share on the candidate and 1 in production: of mean 0 while both sides leave as many traces.

    A candidate that loses a part q of its units leaves a mean of q (1 - share) / (1 - q share): nearly q, for a small share.
    """
    least = 1.0 - 1.0 / share
    seen_N = np.where(np.asarray(on_candidate, dtype=bool), least, 1.0)
    return Differences(seen_N, np.full(len(seen_N), least))


def wealth(differences: Differences, margin: float) -> NDArray[np.float64]:
    """What a stake of 1 has become after each difference; positive. `margin` in [0, 1): the largest mean that still counts as no harm.

    Raises ValueError when a difference is below its least, for then nothing would hold.
    """
    seen_N, least_N = differences
    if (seen_N < least_N - 1e-9).any():
        raise ValueError("a difference is below the least that was said to be possible")
    bets_KN = _PARTS_K[:, None] / (margin - least_N)
    log_wealth_KN = np.log1p(bets_KN * (seen_N - margin)).cumsum(axis=1)
    wealth_N: NDArray[np.float64] = np.exp(np.minimum(log_wealth_KN, _LARGEST_EXPONENT)).mean(axis=0)
    return wealth_N
