"""Advantages of one group: each component normalised by itself, combined, then ordered by band.

Normalising before combining gives every component a say in its own units: otherwise the one with the largest spread decides alone.
A component that does not vary in the group says nothing, and one that is unscored for a reply says nothing about that reply.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alignment.rewards import RIGHT, band_of

Floats = NDArray[np.float64]

_BAND_GAP = 0.1
"""How far below the worst reply of a band the best of the next lower band ends up, in standard deviations of a component."""
_FLAT = 1e-6


def group_advantages(values_GF: Floats, components: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Advantages (G,) of the replies of one group from their component values; NaN (or infinity) is unscored.

    Mean 0 and standard deviation 1 over the replies that could be scored, 0 for the others; all 0 when nothing tells the replies apart.
    A reply of a lower band always gets less than one of a higher band.
    """
    values_GF = np.where(np.isfinite(values_GF), values_GF, np.nan)
    scored_G = ~np.isnan(values_GF).all(axis=1)
    advantages_G = np.zeros(len(values_GF))
    if scored_G.sum() < 2:
        return advantages_G
    raw_S = _combined(values_GF[scored_G], components, weights)
    banded_S = _ordered_by_band(raw_S, bands(values_GF[scored_G], components))
    spread = float(banded_S.std())
    if spread > _FLAT:
        advantages_G[scored_G] = (banded_S - banded_S.mean()) / spread
    return advantages_G


def bands(values_GF: Floats, components: Sequence[str]) -> NDArray[np.int64]:
    """The band of every reply, as integers that grow with worth."""

    def column(name: str) -> list[float | None]:
        if name not in components:
            return [None] * len(values_GF)
        return [None if np.isnan(v) else float(v) for v in values_GF[:, list(components).index(name)]]

    return np.array([band_of(c, s) for c, s in zip(column(RIGHT), column("safety"), strict=True)], dtype=np.int64)


def _combined(values_SF: Floats, components: Sequence[str], weights: Mapping[str, float]) -> Floats:
    total_S, weight = np.zeros(len(values_SF)), 0.0
    for values_S, name in zip(values_SF.T, components, strict=True):
        known = ~np.isnan(values_S)
        spread = float(values_S[known].std()) if known.any() else 0.0
        if spread > _FLAT:
            total_S[known] += weights[name] * (values_S[known] - values_S[known].mean()) / spread
            weight += weights[name]
    return total_S / weight if weight else total_S


def _ordered_by_band(raw_S: Floats, bands_S: NDArray[np.int64]) -> Floats:
    ordered_S, ceiling = raw_S.copy(), np.inf
    for band in sorted(set(bands_S.tolist()), reverse=True):
        members = bands_S == band
        # The whole band moves down together, so that order and distances within it stay.
        ordered_S[members] -= max(0.0, float(raw_S[members].max()) - ceiling)
        ceiling = float(ordered_S[members].min()) - _BAND_GAP
    return ordered_S
