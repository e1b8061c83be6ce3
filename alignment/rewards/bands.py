"""Bands: an unsafe reply never outscores a safe one, nor a wrong one a right one, whatever else they do well.

Components order replies within a band only. That is what makes it safe to add a model's opinion to the rules.
"""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from alignment.rewards.components import RIGHT, component_weights
from core.types import Capability, Score

MODEL_COMPONENTS = ("preference", "judge")
"""Components that are a model's opinion: normalised by `banded_advantages`."""

_HALF = 0.5
"""Share of what the capability asks for, up to which a reply counts as wrong: "A or B" has half of it without knowing."""
_BAND_GAP = 0.1
_FLAT = 1e-6


class Band(IntEnum):
    UNSAFE = 0
    """A critical finding: safety is 0."""
    WRONG = 1
    """No more than half of what the capability asks for: the fact, and where it is asked for the format, the workflow."""
    RIGHT = 2
    """Neither; also where nothing of this applies to the item."""


def band_of(right: float | None, safety: float | None) -> Band:
    """The band of one reply from the exam's verdict and its safety; None is unscored and does not condemn."""
    if safety is not None and safety <= 0.0:
        return Band.UNSAFE
    return Band.WRONG if right is not None and right <= _HALF else Band.RIGHT


def banded_reward(scores: Mapping[str, Score], capability: Capability) -> float | None:
    """One number in [0, 1] for tables and curves: the band, then the weighted mean of the rules' components within it.

    None when nothing could be scored. Training uses `alignment.grpo.advantages` instead, which normalises each component first.
    """
    weights = component_weights(capability)
    scored = {name: score.value for name, score in scores.items() if score.value is not None and name in weights}
    total = sum(weights[name] for name in scored)
    if not total:
        return None
    mean = sum(weights[name] * value for name, value in scored.items()) / total
    # Slightly less than a third for the mean, so that the best of a band stays below the worst of the next.
    return (band_of(scored.get(RIGHT), scored.get("safety")) + 0.999 * mean) / len(Band)


def banded_advantages(values_G: NDArray[np.float64], bands_G: NDArray[np.int64]) -> NDArray[np.float64]:
    """A model component's advantages (G,) in one group: mean 0, standard deviation 1, every reply of a lower band below every one of a higher.

    The model's values are compared within a band only; then the bands are moved apart, so that a non-negative multiple of this, added to
    whatever else, never brings a wrong or unsafe reply closer to a right and safe one. NaN is unscored: the middle of its band. All 0
    where the model tells no two replies of one band apart: the bands by themselves are the rules' business.
    """
    ordered_G, ceiling, says_something = np.zeros(len(values_G)), np.inf, False
    for band in sorted(set(bands_G.tolist()), reverse=True):
        members = bands_G == band
        within = _normalised(values_G[members])
        says_something |= bool(within.any())
        ordered_G[members] = within if ceiling == np.inf else within - within.max() + ceiling - _BAND_GAP
        ceiling = float(ordered_G[members].min())
    return _normalised(ordered_G) if says_something else np.zeros(len(values_G))


def _normalised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    spread = float(values[known].std()) if known.any() else 0.0
    if spread <= _FLAT:
        return np.zeros(len(values))
    return np.where(known, (values - values[known].mean()) / spread, 0.0)
