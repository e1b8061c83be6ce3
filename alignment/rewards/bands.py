"""Bands: unsafe, wrong, right. What a reply does well besides orders it within its band.

So it is where one number is made of a reply's components: in `banded_reward`, in the advantages of whole capabilities, and in what `balanced`
makes of components. The baselines `sum` and `gdpo` add as published, and gradients that are kept apart of components add as their strategy says; there an
unsafe reply can outscore a safe one. A model's own column keeps the bands everywhere, so no model lifts a reply over one of a higher band.
"""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from alignment.arrays import Floats, Ints
from alignment.rewards.components import RIGHT, component_weights
from core.types import Capability, Score

MODEL_COMPONENTS = ("preference", "judge")
"""Components that are a model's opinion: normalised by `banded_advantages`."""

_HALF = 0.5
"""Share of what the capability asks for, up to which a reply counts as wrong: "A or B" has half of it without knowing."""
_BAND_GAP = 0.1
"""How far below the worst reply of a band the best of the next lower band ends up, in standard deviations."""
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


def banded_advantages(values_G: Floats, bands_G: Ints) -> Floats:
    """A model component's advantages (G,) in one group: mean 0, standard deviation 1, every reply of a lower band below every one of a higher.

    The model's values are compared within a band only; then the bands are moved apart, so that a non-negative multiple of this, added to
    whatever else, never brings a wrong or unsafe reply closer to a right and safe one. NaN is unscored: the middle of its band. All 0
    where the model tells no two replies of one band apart: the bands by themselves are the rules' business.
    """
    within_G = np.zeros(len(values_G))
    for band in set(bands_G.tolist()):
        within_G[bands_G == band] = normalised(values_G[bands_G == band])
    return normalised(ordered_by_band(within_G, bands_G)) if within_G.any() else within_G


def ordered_by_band(values_G: Floats, bands_G: Ints) -> Floats:
    """Lower bands moved below higher ones as far as they are not; whole, so that order and distances within a band stay."""
    ordered_G, ceiling = values_G.copy(), np.inf
    for band in sorted(set(bands_G.tolist()), reverse=True):
        members = bands_G == band
        ordered_G[members] -= max(0.0, float(values_G[members].max()) - ceiling)
        ceiling = float(ordered_G[members].min()) - _BAND_GAP
    return ordered_G


def normalised(values: Floats) -> Floats:
    """Mean 0 and standard deviation 1 over the values that are known; 0 where one is not, and all 0 where they do not differ."""
    known = np.isfinite(values)
    spread = float(values[known].std()) if known.any() else 0.0
    return np.where(known, (values - values[known].mean()) / spread, 0.0) if spread > _FLAT else np.zeros(values.shape)
