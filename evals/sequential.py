"""A test that may be looked at after every observation: bets against "the candidate harms by no more than the margin".

Unit i goes to the candidate with a known probability, the share p, by a coin of its own, and shows a value x_i in [0, 1], 1 being bad. Weighted by
how probable its side was, d_i = x_i / p on the candidate and -x_i / (1 - p) in production has, whatever came before, the mean "x_i with the candidate less
x_i with production" (Horvitz & Thompson, JASA 47:663-685, 1952). A gambler who stakes a fixed fraction of what he has on d being above the margin multiplies it
by 1 + b (d - margin). If the harm is no more than the margin, that factor has a mean of at most 1 and, with b small enough, is never negative: his wealth is a
nonnegative supermartingale, and the chance that it ever reaches 1 / alpha is at most alpha (Ville, Étude critique de la notion de collectif, 1939). So
it may be looked at at any time, any number of times, and stopped for any reason. Betting as a test of bounded means: Waudby-Smith & Ramdas, Journal of
the Royal Statistical Society B 86:1-27, 2024. Proof and conditions: docs/gates.md, "The canary".

Which fraction is best depends on a harm that nobody knows, so the stake is divided among several and never moved: a mean of such wealths is one itself.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FRACTIONS_K = 0.5 ** np.arange(1, 11)
"""Of what a bettor could lose at most at one observation: a half for harm that is plain to see, a thousandth for one that is just beyond the margin."""
_LARGEST_EXPONENT = 700.0
"""Beyond it, a double overflows; no limit is anywhere near."""


def weighted(on_candidate: Sequence[bool], values: Sequence[float], share: float) -> NDArray[np.float64]:
    """d of each unit in order, in [`least_weighted(share)`, 1 / share]."""
    candidate_N, value_N = np.asarray(on_candidate, dtype=bool), np.asarray(values, dtype=np.float64)
    return np.where(candidate_N, value_N / share, -value_N / (1.0 - share))


def least_weighted(share: float) -> float:
    """The lowest that d can be."""
    return -1.0 / (1.0 - share)


def missing(on_candidate: Sequence[bool], share: float) -> NDArray[np.float64]:
    """Of the units that were seen at all, 1 - 1 / share on the candidate and 1 in production: of mean 0 while both sides leave as many traces.

    A candidate that loses a fraction q of its units leaves a mean of q (1 - share) / (1 - q share): nearly q, for a small share.
    """
    return np.where(np.asarray(on_candidate, dtype=bool), 1.0 - 1.0 / share, 1.0)


def least_missing(share: float) -> float:
    """The lowest that `missing` gives."""
    return 1.0 - 1.0 / share


def wealth(differences: NDArray[np.float64], margin: float, least: float) -> NDArray[np.float64]:
    """What a stake of 1 has become after each difference; positive. Raises ValueError when one is below `least`, for then nothing would hold.

    `margin` in [0, 1): the largest mean that still counts as no harm.
    """
    if differences.size and differences.min() < least:
        raise ValueError(f"a difference of {differences.min()} is below the least possible, {least}")
    bets_K = _FRACTIONS_K / (margin - least)
    log_wealth_KN = np.log1p(bets_K[:, None] * (differences - margin)).cumsum(axis=1)
    wealth_N: NDArray[np.float64] = np.exp(np.minimum(log_wealth_KN, _LARGEST_EXPONENT)).mean(axis=0)
    return wealth_N
