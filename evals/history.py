"""How a checkpoint did, capability by capability, for the history of all checkpoints; what the gate decides on is in `evals.gate`."""

import numpy as np
from scipy import stats

from core.types import Capability, CapabilityScore, EvalReport
from evals.stats import clustered_error

_COVERED = 0.9


def scores_of(report: EvalReport) -> dict[Capability, CapabilityScore]:
    """Of the capabilities that have a scored item. The interval is Student's over clusters, cut off at 0 and 1."""
    scored = {c: [(r.cluster, r.correct) for r in report.items if r.capability is c and r.correct is not None] for c in Capability}
    return {c: _score(found) for c, found in scored.items() if found}


def _score(found: list[tuple[str, float]]) -> CapabilityScore:
    score_N = np.array([score for _, score in found])
    names, cluster_N = np.unique([cluster for cluster, _ in found], return_inverse=True)
    mean, items = float(score_N.mean()), len(found)
    if len(names) < 2:
        return CapabilityScore(mean=mean, items=items)
    if not np.ptp(score_N):  # all alike: what was seen has no spread, so the bound is that of a share of clusters
        reach = stats.binomtest(0, len(names)).proportion_ci(confidence_level=_COVERED, method="wilson").high
    else:
        reach = stats.t.ppf(0.5 + _COVERED / 2, len(names) - 1) * clustered_error(score_N, cluster_N)
    return CapabilityScore(mean=mean, low=max(mean - reach, 0.0), high=min(mean + reach, 1.0), items=items)
