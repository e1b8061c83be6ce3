"""One interface for every way to make one step out of several objectives.

A step is sum_k c_k g_k. With on-policy samples g_k is linear in objective k's advantages, so a strategy only has to choose the coefficients
c_k, and all that it may know of the gradients is their K x K Gram matrix: inner products say everything about lengths and angles. Pure
numpy; nothing here knows of models.

*Scale.* The plain step is g_0 = sum_k w_k g_k with the base weights w_k, whatever they add up to. Every strategy is homogeneous in the
weights (twice the weights, twice the step), so that with one learning rate the steps of all strategies are comparable, and with equal
weights 1/K each is the published method with the average gradient for g_0. Each file says what the paper itself does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from alignment.arrays import Bools, Floats


class Combined(NamedTuple):
    coefficients_K: Floats
    """c_k: the step is the sum of the gradients with these factors."""
    multipliers_K: Floats
    """c_k - w_k: what the strategy adds to the base weights. The Lagrange multipliers, never negative, for `exact` and `balanced`."""
    projected_away: float
    """|d - g_0|^2 / |g_0|^2: the share of the plain step that had to go, or be added, in [0, inf)."""


Combine = Callable[[Floats, Floats, Bools, np.random.Generator], Combined]
"""(gram_KK, weights_K, constrained_K, rng) -> Combined. `constrained_K` marks the objectives that no step may oppose, anchors among
them. Gradients of length zero have none. Only `pcgrad` draws from `rng`; whoever resumes must restore it.
Raises TrainingError when a number is not finite, a weight is negative, or the shapes disagree."""


@dataclass(frozen=True)
class Strategy:
    name: str
    gradients: Literal["none", "probe", "apart"]
    """What the Gram matrix is made of. `none`: there is none, and one backward pass. `probe`: a few samples' gradients, then one backward pass
    over the re-weighted advantages. `apart`: every objective's own backward pass."""
    advantages: Literal["sum", "gdpo", "components"]
    """How rewards become advantages. `sum`: weighted components are added, then normalised in the group. `gdpo`: each component is normalised
    in the group, added, then whitened over the batch. `components`: each objective's column is normalised in the group and stays apart."""
    combine: Combine


def as_weighted(gram_KK: Floats, weights_K: Floats, constrained_K: Bools, rng: np.random.Generator) -> Combined:
    """The plain weighted sum."""
    return Combined(np.asarray(weights_K, dtype=np.float64), np.zeros(len(weights_K)), 0.0)


def combined(gram_KK: Floats, weights_K: Floats, coefficients_K: Floats) -> Combined:
    """The coefficients with what follows from them."""
    moved_K = coefficients_K - weights_K
    plain, moved = float(weights_K @ gram_KK @ weights_K), float(moved_K @ gram_KK @ moved_K)
    return Combined(coefficients_K, moved_K, max(moved, 0.0) / plain if plain > 0.0 else 0.0)
