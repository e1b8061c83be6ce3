"""Paired statistics on items that share clusters: what was measured, how sure it is, and what could have been seen.

The mean difference is resampled by cluster (`scipy.stats.bootstrap`, percentile), because items of one vignette or one condition are
right and wrong together. Power is that of the one-sided test at a true difference of zero, by the normal approximation
`Phi(margin / se - z_alpha)`; the detectable loss is `(z_alpha + z_power) * se`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from evals.decision import GatePolicy


class Pair(NamedTuple):
    """One item's score on both sides, in [0, 1]."""

    cluster: str
    baseline: float
    candidate: float


class Comparison(NamedTuple):
    estimate: float
    """Mean of candidate minus baseline."""
    low: float
    """Lower end of the two-sided 1 - 2 alpha interval: the one-sided bound."""
    high: float
    standard_error: float
    p_inferior: float
    """Of the hypothesis that the candidate is worse by the margin or more."""
    p_better: float
    """Of the hypothesis that the candidate is not better."""
    power: float
    detectable_loss: float


def compare(pairs: Sequence[Pair], policy: GatePolicy) -> Comparison:
    """Compares two models on the same items. Needs at least one pair."""
    clusters = sorted({p.cluster for p in pairs})
    index = {c: i for i, c in enumerate(clusters)}
    sums_C, counts_C = np.zeros(len(clusters)), np.zeros(len(clusters))
    for pair in pairs:
        sums_C[index[pair.cluster]] += pair.candidate - pair.baseline
        counts_C[index[pair.cluster]] += 1
    estimate = float(sums_C.sum() / counts_C.sum())
    if len(clusters) < 2:  # nothing to resample: no statement about uncertainty is possible
        return Comparison(estimate, -1.0, 1.0, float("inf"), 1.0, 1.0, 0.0, 1.0)
    result = stats.bootstrap(
        (sums_C, counts_C),
        lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=policy.bootstrap_samples,
        confidence_level=1 - 2 * policy.alpha,
        method="percentile",
        rng=np.random.default_rng(policy.bootstrap_seed),
    )
    draws = result.bootstrap_distribution
    error = float(result.standard_error)
    z_alpha, z_power = stats.norm.ppf(1 - policy.alpha), stats.norm.ppf(policy.min_power)
    power = float(stats.norm.cdf(policy.margin / error - z_alpha)) if error > 0 else 1.0
    return Comparison(
        estimate=estimate,
        low=float(result.confidence_interval.low),
        high=float(result.confidence_interval.high),
        standard_error=error,
        # One is added to both counts so that a p-value from finitely many draws is never zero.
        p_inferior=float((np.sum(draws <= -policy.margin) + 1) / (len(draws) + 1)),
        p_better=float((np.sum(draws <= 0) + 1) / (len(draws) + 1)),
        power=power,
        detectable_loss=float((z_alpha + z_power) * error),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values, in the order given."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def rate_upper_bound(events: int, trials: int, alpha: float) -> float:
    """One-sided Clopper-Pearson bound of a rate."""
    if trials == 0:
        return 1.0
    return float(stats.binomtest(events, trials).proportion_ci(confidence_level=1 - 2 * alpha, method="exact").high)
