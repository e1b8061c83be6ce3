"""Paired statistics on items that share clusters: what was measured, how sure it is, and what could have been seen.

*Not worse.* Items of one vignette or one condition are right and wrong together, and a candidate that only loses has few discordant items, all
of one sign: there an interval from what was seen (Wald, percentile bootstrap) is too short, because a lucky exam shows a small loss and a
small variance at once. So a loss of `margin` is tested with the variance that it would have: the score test for paired proportions (Tango,
Statistics in Medicine 17:891-908, 1998), its variance times the design effect of the clusters (Rao & Scott, Biometrics 48:577-585, 1992), with
Student's t of as many degrees of freedom as there are clusters less one. Unequal clusters count as fewer: as those of one size that would
tell as much of the variance, were all items of a cluster alike (Carter, Schnepel & Steigerwald, Review of Economics and Statistics 99:698-709,
2017). The interval is that test inverted. `make bench-gates` simulates it
beside the bootstrap.

*Better.* Exact McNemar where every item stands alone and is right or wrong; else signs of whole clusters' differences are flipped.
"""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats
from statsmodels.regression.linear_model import OLS  # type: ignore[import-untyped]  # statsmodels has no types
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]  # as above

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
    p_inferior: float
    """Of the hypothesis that the candidate is worse by the margin or more."""
    power: float
    """Chance to be found not worse for a candidate that is as good as the baseline and differs from it on as many items."""
    detectable_loss: float
    """True loss that is told from none with the policy's power."""
    clusters: int
    """Independent observations: as many clusters of one size as tell as much."""


class _Spread(NamedTuple):
    """What the differences of an exam are made of."""

    items: int
    clusters: int
    losses: float
    """Items that the candidate lost; half a point is half an item."""
    gains: float
    design_effect: float
    """By how much clusters widen the variance of independent items; at least 1."""
    standard_error: float
    """Of the estimate, as seen; at least that of independent items."""

    @property
    def estimate(self) -> float:
        return (self.gains - self.losses) / self.items

    def error_at(self, change: float) -> float:
        """The standard error of the estimate where the true change is `change` in (-1, 1)."""
        return sqrt(max(_variance_at(self.losses, self.gains, self.items, change) * self.design_effect / self.items, 0.0))

    def quantile(self, probability: float) -> float:
        return float(stats.t.ppf(probability, self.clusters - 1))


def compare(pairs: Sequence[Pair], policy: GatePolicy, margin: float | None = None) -> Comparison:
    """Compares two models on the same items; the margin is the policy's unless another is given. Needs a pair; of one cluster nothing can be said."""
    seen, margin = _spread(pairs), margin or policy.margin
    if seen.clusters < 2:
        return Comparison(seen.estimate, -1.0, 1.0, 1.0, 0.0, 1.0, seen.clusters)
    t_alpha, z_power = seen.quantile(1.0 - policy.alpha), float(stats.norm.ppf(policy.min_power))
    at_margin = seen.error_at(-margin)
    room = margin - t_alpha * at_margin
    return Comparison(
        estimate=seen.estimate,
        low=_bound(seen, t_alpha, -1.0),
        high=_bound(seen, t_alpha, 1.0),
        p_inferior=float(stats.t.sf((seen.estimate + margin) / at_margin, seen.clusters - 1)),
        power=float(stats.norm.cdf(room / seen.standard_error)) if seen.standard_error > 0.0 else float(room > 0.0),
        detectable_loss=min(t_alpha * at_margin + z_power * max(seen.standard_error, at_margin), 1.0),
        clusters=seen.clusters,
    )


def more_cautious(one: Comparison, other: Comparison) -> Comparison:
    """Of two readings of one exam what speaks against the candidate, or for knowing less."""
    return Comparison(
        min(one.estimate, other.estimate),
        min(one.low, other.low),
        max(one.high, other.high),
        max(one.p_inferior, other.p_inferior),
        min(one.power, other.power),
        max(one.detectable_loss, other.detectable_loss),
        min(one.clusters, other.clusters),
    )


def p_better(pairs: Sequence[Pair], policy: GatePolicy) -> float:
    """Of the hypothesis that the candidate is not better; one-sided."""
    baseline_C, candidate_C = _by_cluster(pairs)
    changed = baseline_C != candidate_C
    if not changed.any():
        return 1.0
    if len(baseline_C) == len(pairs) and all({p.baseline, p.candidate} <= {0.0, 1.0} for p in pairs):
        return float(stats.binomtest(int((candidate_C > baseline_C).sum()), int(changed.sum()), 0.5, alternative="greater").pvalue)
    # scipy asks for two observations; one that is the same on both sides changes nothing.
    found = stats.permutation_test(
        (np.append(candidate_C[changed], 0.0), np.append(baseline_C[changed], 0.0)),
        lambda after, before, axis: (after - before).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=policy.resamples,
        alternative="greater",
        rng=np.random.default_rng(policy.seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values, in the order given."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def rate_upper_bound(events: int, trials: int, alpha: float) -> float:
    """One-sided Clopper-Pearson bound of a rate."""
    if trials == 0:
        return 1.0
    return float(stats.binomtest(events, trials).proportion_ci(confidence_level=1 - 2 * alpha, method="exact").high)


def clustered_error(values_N: np.ndarray, cluster_N: np.ndarray) -> float:
    """Standard error of the mean of values that vary, where those of one cluster go together; `cluster_N` are numbers of clusters."""
    fit = OLS(values_N, np.ones(len(values_N))).fit(cov_type="cluster", cov_kwds={"groups": cluster_N, "df_correction": False})
    return float(np.sqrt(fit.cov_params()[0, 0]))


def _spread(pairs: Sequence[Pair]) -> _Spread:
    difference_N = np.array([p.candidate - p.baseline for p in pairs])
    _, cluster_N, size_C = np.unique([p.cluster for p in pairs], return_inverse=True, return_counts=True)
    clusters = int((size_C**2).sum()) ** 2 // int((size_C**4).sum())  # of equal size: all of them
    items, losses, gains = len(pairs), float(-difference_N[difference_N < 0].sum()), float(difference_N[difference_N > 0].sum())
    if clusters < 2:
        return _Spread(items, clusters, losses, gains, 1.0, inf)
    variance = float(difference_N.var(ddof=1))
    # Partial credit varies less than right or wrong. That is not counted on: where little was seen to change, it does not say how a loss of the margin would.
    alone = sqrt(variance / items)
    error = max(clustered_error(difference_N, cluster_N), alone) if variance > 0.0 else 0.0
    return _Spread(items, clusters, losses, gains, (error / alone) ** 2 if alone > 0.0 else 1.0, error)


def _by_cluster(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the scores of either side by cluster."""
    names, cluster_N = np.unique([p.cluster for p in pairs], return_inverse=True)
    return (
        np.bincount(cluster_N, weights=[p.baseline for p in pairs], minlength=len(names)),
        np.bincount(cluster_N, weights=[p.candidate for p in pairs], minlength=len(names)),
    )


def _variance_at(losses: float, gains: float, items: float, change: float) -> float:
    """Of one item's difference, where gains are likelier than losses by exactly `change` and otherwise as likely as the counts say (Tango 1998)."""
    if change > 0.0:
        losses, gains, change = gains, losses, -change
    margin = -change
    # Setting the derivative of the multinomial likelihood in q, the probability of a gain, to zero leaves 2 n q^2 - linear q - constant = 0.
    linear = losses * (1.0 - margin) + gains * (1.0 - 3.0 * margin) - 2.0 * (items - losses - gains) * margin
    constant = gains * margin * (1.0 - margin)
    gain = min((linear + sqrt(max(linear**2 + 8.0 * items * constant, 0.0))) / (4.0 * items), (1.0 - margin) / 2.0)
    return 2.0 * max(gain, 0.0) + margin - margin**2


def _bound(seen: _Spread, t_alpha: float, end: float) -> float:
    """Where the test of `change` turns between the estimate and the end of the scale, which is -1 or 1."""

    def excess(change: float) -> float:
        return abs(seen.estimate - change) - t_alpha * seen.error_at(change)

    if seen.estimate == end or excess(end) <= 0.0:
        return end
    if excess(seen.estimate) >= 0.0:  # no item differs
        # Towards either end the error grows faster than the distance at first.
        near = seen.estimate + end * 1e-9
        return float(optimize.brentq(excess, near, end)) if excess(near) < 0.0 else seen.estimate
    return float(optimize.brentq(excess, seen.estimate, end))
