"""Ours and the common practices, as one question each: does this exam let the candidate pass?"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest  # type: ignore[import-untyped]  # statsmodels has no types

from evals.decision import GatePolicy
from evals.stats import Pair, compare

Practice = Callable[[Sequence[Pair], GatePolicy], bool]


def ours(pairs: Sequence[Pair], policy: GatePolicy) -> bool:
    """Not worse by the margin, and either with enough power or not worse at all; as `evals.gate` decides."""
    found = compare(pairs, policy)
    return found.low > -policy.margin and found.clusters >= policy.min_clusters and (found.power >= policy.min_power or found.low >= 0.0)


def bootstrap(pairs: Sequence[Pair], policy: GatePolicy) -> bool:
    """The lower end of the percentile interval, resampled by cluster, stays within the margin."""
    names, cluster_N = np.unique([p.cluster for p in pairs], return_inverse=True)
    sums_C = np.bincount(cluster_N, weights=[p.candidate - p.baseline for p in pairs])
    counts_C = np.bincount(cluster_N)
    drawn_RC = _resamples(len(names))
    return float(np.quantile(drawn_RC @ sums_C / (drawn_RC @ counts_C), policy.alpha)) > -policy.margin


@lru_cache(maxsize=4)
def _resamples(clusters: int) -> np.ndarray:
    """How often each cluster is drawn, in 1,000 resamples."""
    return np.random.default_rng(0).multinomial(clusters, np.full(clusters, 1.0 / clusters), size=1000).astype(np.float64)


def cutoff(pairs: Sequence[Pair], policy: GatePolicy) -> bool:
    """The candidate's mean is within half the margin of production's: a threshold on a number, with no word on its noise."""
    return float(np.mean([p.candidate - p.baseline for p in pairs])) >= -policy.margin / 2.0


def unpaired_z(pairs: Sequence[Pair], policy: GatePolicy) -> bool:
    """No significant loss in a two-sample z test: what is not shown is taken for absent, and that both sat the same items is thrown away."""
    right, items = [sum(p.candidate for p in pairs), sum(p.baseline for p in pairs)], [len(pairs)] * 2
    if right[0] == right[1]:
        return True
    return float(proportions_ztest(right, items, alternative="smaller")[1]) > policy.alpha


PRACTICES: Mapping[str, Practice] = {"ours": ours, "bootstrap": bootstrap, "mean above a cutoff": cutoff, "unpaired z": unpaired_z}


def interval_of(successes: int, trials: int) -> tuple[float, float]:
    """95 % Clopper-Pearson interval of a simulated share."""
    found = stats.binomtest(successes, trials).proportion_ci(method="exact")
    return float(found.low), float(found.high)
