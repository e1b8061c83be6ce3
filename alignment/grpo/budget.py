"""A budget of KL divergence for each capability: the weight of the KL term rises while a capability drifts further than it may.

Dual ascent on `KL_c <= budget` in the logarithm of the multiplier (a proportional controller as in Ziegler et al., "Fine-tuning language
models from human preferences", 2019, arXiv:1909.08593, here one for each capability and never below the recipe's own beta):

    beta_c <- beta_c exp(rate * clip(KL_c / budget - 1, -1, 2)),  held within [beta, 100 beta].

At rest the divergence is at the budget, or below it with the recipe's beta. A step may overdraw: the budget holds on average, not always.
"""

from collections.abc import Iterable, Mapping
from math import exp, isfinite, log

from core.errors import TrainingError
from core.types import Value

MOST = 100.0
"""The weight never exceeds so many times the recipe's."""
_RISE = 2.0
"""An outlier counts as thrice the budget: one bad batch must not freeze a capability for dozens of steps."""


class KlBudget(Value):
    """Plain JSON by pydantic, exact to the bit."""

    raised: dict[str, float]
    """log(beta_c / beta) of each capability, 0 or more."""

    def betas(self, beta: float) -> dict[str, float]:
        return {name: beta * exp(raised) for name, raised in self.raised.items()}


def budget_for(capabilities: Iterable[str]) -> KlBudget:
    """Where a run begins: nothing raised."""
    return KlBudget(raised=dict.fromkeys(capabilities, 0.0))


def step(state: KlBudget, kl: Mapping[str, float | None], budget: float, rate: float) -> KlBudget:
    """After a step with these mean divergences (nats per token, as is `budget`); what was not measured (missing, None or NaN) stays.

    Raises TrainingError when the budget is not positive.
    """
    if not budget > 0.0:
        raise TrainingError("A budget of KL divergence must be positive")

    def moved(raised: float, spent: float | None) -> float:
        if spent is None or not isfinite(spent):
            return raised
        overdrawn = min(max(spent / budget - 1.0, -1.0), _RISE)
        return min(max(raised + rate * overdrawn, 0.0), log(MOST))

    return KlBudget(raised={name: moved(raised, kl.get(name)) for name, raised in state.raised.items()})
