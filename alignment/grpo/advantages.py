"""Advantages of one group: each component normalised by itself, combined, then ordered by band; and, for comparison, plain GRPO's and GDPO's.

Normalising before combining gives every component a say in its own units: otherwise the one with the largest spread decides alone.
A component that does not vary in the group says nothing, and one that is unscored for a reply says nothing about that reply.
Values are (G, F), or (P, G, F) for several groups; NaN (or infinity) is unscored. An unscored reply's advantage is 0.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from alignment.arrays import Floats, Ints
from alignment.rewards import MODEL_COMPONENTS, RIGHT, band_of, banded_advantages
from alignment.rewards.bands import normalised, ordered_by_band


def group_advantages(values_GF: Floats, components: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Advantages (G,) of the replies of one group from their component values.

    Mean 0 and standard deviation 1 over the replies that could be scored, 0 for the others; all 0 when nothing tells the replies apart.
    A reply of a lower band always gets less than one of a higher band.
    """
    values_GF = _finite(values_GF)
    scored_G = ~np.isnan(values_GF).all(axis=1)
    advantages_G = np.zeros(len(values_GF))
    if scored_G.sum() < 2:
        return advantages_G
    raw_S = _weighted_mean(component_advantages(values_GF[scored_G], components), components, weights)
    banded_S = ordered_by_band(raw_S, bands(values_GF[scored_G], components))
    advantages_G[scored_G] = normalised(banded_S)
    return advantages_G


def component_advantages(values_GF: Floats, components: Sequence[str]) -> Floats:
    """Every component's own advantages (G, F) in one group: mean 0, standard deviation 1; a model's are banded, so that it lifts no wrong reply."""
    values_GF = _finite(values_GF)
    bands_G = bands(values_GF, components)
    columns = [banded_advantages(v_G, bands_G) if name in MODEL_COMPONENTS else normalised(v_G) for name, v_G in zip(components, values_GF.T, strict=True)]
    return np.stack(columns, axis=1)


def in_band_order(advantages_G: Floats, values_GF: Floats, components: Sequence[str]) -> Floats:
    """One group's advantages (G,), of whatever origin, with lower bands moved below higher ones: mean 0 and as much spread as before.

    All 0 where nothing told the replies apart: bands order what a strategy says, they do not speak in its place.
    """
    values_GF = _finite(values_GF)
    scored_G = ~np.isnan(values_GF).all(axis=1)
    ordered_G = np.zeros(len(advantages_G))
    if scored_G.any():
        said_S = advantages_G[scored_G]
        standard_S = normalised(said_S)
        if standard_S.any():
            ordered_G[scored_G] = normalised(ordered_by_band(standard_S, bands(values_GF[scored_G], components))) * said_S.std()
    return ordered_G


def plain_advantages(values_GF: Floats, components: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Plain GRPO's advantages (G,): the weighted components are added, then normalised (TRL's `sum_then_normalize`).

    For comparison, as published: bands are not kept, so an unsafe reply can outscore a safe one by what else it does well. A model's component
    is its banded advantages here too: added raw, it would lift wrong replies over right ones.
    """
    values_GF = _finite(values_GF)
    bands_G = bands(values_GF, components)
    columns = [banded_advantages(v_G, bands_G) if name in MODEL_COMPONENTS else v_G for name, v_G in zip(components, values_GF.T, strict=True)]
    rewards_G = np.nansum(np.stack(columns, axis=1) * _in_order(components, weights), axis=1)
    rewards_G[np.isnan(values_GF).all(axis=1)] = np.nan
    return normalised(rewards_G)


def whitened_advantages(values_PGF: Floats, components: Sequence[str], weights_P: Sequence[Mapping[str, float]]) -> Floats:
    """GDPO's advantages (P, G): components normalised in their group, added, and normalised over the whole batch (`normalize_then_sum`).

    For comparison, as published: bands are not kept, so an unsafe reply can outscore a safe one by what else it does well.
    """
    raw_PG = np.stack([component_advantages(v_GF, components) @ _in_order(components, w) for v_GF, w in zip(values_PGF, weights_P, strict=True)])
    raw_PG[~np.isfinite(values_PGF).any(axis=2)] = np.nan
    # A group without signal has none, whatever the rounding of the batch's mean would make of it.
    return np.where(np.nan_to_num(raw_PG).any(axis=1, keepdims=True), normalised(raw_PG.reshape(-1)).reshape(raw_PG.shape), 0.0)


def bands(values_GF: Floats, components: Sequence[str]) -> Ints:
    """The band of every reply, as integers that grow with worth."""

    def column(name: str) -> list[float | None]:
        if name not in components:
            return [None] * len(values_GF)
        return [None if np.isnan(v) else float(v) for v in values_GF[:, list(components).index(name)]]

    return np.array([band_of(c, s) for c, s in zip(column(RIGHT), column("safety"), strict=True)], dtype=np.int64)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _in_order(components: Sequence[str], weights: Mapping[str, float]) -> Floats:
    return np.array([weights[name] for name in components])


def _weighted_mean(columns_SF: Floats, components: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Over the components that tell the replies apart."""
    weights_F = _in_order(components, weights) * columns_SF.any(axis=0)
    return columns_SF @ weights_F / weights_F.sum() if weights_F.any() else np.zeros(len(columns_SF))
