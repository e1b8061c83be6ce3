"""Base weights that move toward what lags: between capabilities, and between the components of one.

What lags is what has gained less than the others since the start of the run. Mirror ascent with the entropy for its mirror (Kivinen & Warmuth,
"Exponentiated gradient", 1997; for the worst of several groups Sagawa et al., "Distributionally robust neural networks", 2020) on

    max over w in the simplex of  sum_k w_k lag_k - (pull / rate) KL(w | p)

is w_k <- w_k^(1 - pull) p_k^pull exp(rate lag_k), normalised: toward what lags, back to the rules' weights p, by a factor of exp(rate / pull)
at most. Each keeps at least `floor` times its rule's weight, so nothing is ever given up, and what a rule weighs 0 stays 0.

Left out: the noise of a batch's rewards is averaged over about ten steps, not tested for.
"""

from collections.abc import Mapping
from math import exp, isfinite

from core.errors import TrainingError
from core.types import Value

START = 8
"""Observations whose mean is where something started; until it has so many it has no lag."""
AVERAGE = 0.1
"""Share of the newest observation in the running mean after that."""


class Weight(Value):
    """One capability's or component's weight and what it is made from."""

    rule: float
    """What the rules say; 0: takes no part."""
    tilt: float = 0.0
    """log(w / rule) before normalising and before the floor."""
    seen: int = 0
    """Observations so far."""
    start: float = 0.0
    """Mean reward of the first `START` observations, in [0, 1]."""
    mean: float = 0.0
    """Running mean of the reward, in [0, 1]."""

    def observed(self, reward: float) -> "Weight":
        share = 1.0 / (self.seen + 1) if self.seen < START else AVERAGE
        mean = self.mean + share * (reward - self.mean)
        return self.model_copy(update={"seen": self.seen + 1, "mean": mean, "start": mean if self.seen < START else self.start})


class Weights(Value):
    """The weights of things that share one sum, by name. Plain JSON by pydantic, exact to the bit."""

    of: dict[str, Weight]

    def values(self, floor: float) -> dict[str, float]:
        """What each weighs now; together what the rules' weights add up to. `floor` in [0, 1] is the least share of its rule's weight."""
        steepest = max((w.tilt for w in self.of.values()), default=0.0)
        raw = {name: w.rule * exp(w.tilt - steepest) for name, w in self.of.items()}
        total, scale = sum(w.rule for w in self.of.values()), sum(raw.values())
        return {name: floor * w.rule + (1.0 - floor) * raw[name] * (total / scale if scale else 0.0) for name, w in self.of.items()}

    def lags(self) -> dict[str, float]:
        """How far each is behind the mean gain, in [-1, 1]; nothing lags by more than it could still gain. 0 where too little was seen."""
        known = {name: w for name, w in self.of.items() if w.seen >= START and w.rule > 0.0}
        total = sum(w.rule for w in known.values())
        gained = sum(w.rule * (w.mean - w.start) for w in known.values()) / total if total else 0.0
        return {name: min(gained - (w.mean - w.start), 1.0 - w.mean) if name in known else 0.0 for name, w in self.of.items()}


def weights_from(rules: Mapping[str, float]) -> Weights:
    """Where a run begins: the rules' own. Raises TrainingError when one is negative or not finite."""
    if wrong := [name for name, rule in rules.items() if not (isfinite(rule) and rule >= 0.0)]:
        raise TrainingError(f"The weight of {wrong[0]} must be a number that is not negative")
    return Weights(of={name: Weight(rule=rule) for name, rule in rules.items()})


def step(weights: Weights, rewards: Mapping[str, float | None], rate: float, pull: float) -> Weights:
    """After a step whose mean rewards were these, in [0, 1]; what has none (missing, None or NaN) keeps its running mean.

    `rate` is the size of the mirror step, `pull` in [0, 1] the share of the way back to the rules. Names without a weight are ignored.
    """
    seen = Weights(of={name: w.observed(r) if (r := rewards.get(name)) is not None and isfinite(r) else w for name, w in weights.of.items()})
    lags = seen.lags()
    return Weights(of={name: w.model_copy(update={"tilt": (1.0 - pull) * w.tilt + rate * lags[name]}) for name, w in seen.of.items()})
