"""Round after round, each candidate a little worse than what is in production: how far below the anchor does production come?"""

from dataclasses import dataclass

import numpy as np

from evals.decision import GatePolicy
from evals.stats import Pair
from tests.benchmarks.gates.practices import PRACTICES

ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Drift:
    items: int
    """Of one capability, each in a cluster of its own; the same in every round."""
    loss: float
    """True loss of each candidate against the production that it was trained from."""
    churn: float
    """Share of the items on which it differs from it."""
    slices: int = 1
    """The exam rotates: round r asks the items of slice r mod slices, and only those."""


def lowest(drift: Drift, practice: str, anchor_alpha: float | None, policy: GatePolicy, rng: np.random.Generator) -> tuple[float, int]:
    """(true score of production against the anchor at its lowest, candidates promoted), after `ROUNDS` rounds. `anchor_alpha` None: no anchor.

    Every candidate is taken to be better in another capability, so that it would be promoted if this one lets it. What a candidate loses of
    what is known is as likely lost as its loss says; an exam only samples it.
    """
    passes = PRACTICES[practice]
    anchor_N = rng.random(drift.items) < 0.7
    production_N, truth, least, promoted = anchor_N.copy(), 0.0, 0.0, 0
    for round_ in range(ROUNDS):
        share = production_N.mean()
        # Among right items so many are lost, among wrong ones so many gained, that the true change is the loss.
        lost_N = rng.random(drift.items) < (drift.churn + drift.loss) / 2.0 / max(share, 1e-9)
        gained_N = rng.random(drift.items) < (drift.churn - drift.loss) / 2.0 / max(1.0 - share, 1e-9)
        candidate_N = np.where(production_N, ~lost_N, gained_N)
        asked = np.arange(drift.items) % drift.slices == round_ % drift.slices
        if passes(_pairs(production_N[asked], candidate_N[asked]), policy) and (
            anchor_alpha is None or passes(_pairs(anchor_N[asked], candidate_N[asked]), policy.model_copy(update={"alpha": anchor_alpha}))
        ):
            production_N, truth, promoted = candidate_N, truth - drift.loss, promoted + 1
            least = min(least, truth)
    return least, promoted


def _pairs(before_N: np.ndarray, after_N: np.ndarray) -> list[Pair]:
    return [Pair(str(i), float(b), float(a)) for i, (b, a) in enumerate(zip(before_N, after_N, strict=True))]
