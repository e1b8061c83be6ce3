"""What a step tells, as plain JSON values: rewards by part, and how the objectives' gradients lay to each other."""

from collections.abc import Mapping, Sequence
from math import isnan, sqrt
from typing import Any

import numpy as np

from alignment.arrays import Floats
from alignment.grpo.balance import conflict_rate, cosines, min_norm_weights
from alignment.grpo.batch import Batch
from alignment.grpo.noise import split_half_cosines
from alignment.grpo.objectives import capability_of
from alignment.grpo.strategies import Combined
from alignment.rewards import banded_reward
from core.types import Capability, Score


def reward_report(batch: Batch) -> dict[str, Any]:
    """`rewards` and `components` by part, `never` and `always`: shares of 0-of-k and k-of-k prompts."""
    components: dict[str, dict[str, float]] = {}
    rewards: dict[str, float] = {}
    banded_N = np.array([_banded(row, batch.components, capability_of(part)) for row, part in zip(batch.values_NF, batch.part_N, strict=True)])
    for part in batch.parts:
        chosen = batch.rows_of(part)
        components[part] = {c: m for c, m in zip(batch.components, map(_mean, batch.values_NF[chosen].T), strict=True) if m is not None}
        if (reward := _mean(banded_N[chosen])) is not None:
            rewards[part] = reward
    never, always = batch.never_and_always()
    return {
        "components": components,
        "rewards": rewards,
        "reward": _mean(banded_N),
        "zero_variance": batch.flat_share(),
        "never": never,
        "always": always,
        "unscored": float(np.mean(np.isnan(batch.values_NF).all(axis=1))),
    }


def combination_report(batch: Batch, weights_K: Floats, combined: Combined) -> dict[str, Any]:
    return {
        "objectives": batch.names,
        "weights": by_name(batch.names, weights_K),
        "multipliers": by_name(batch.names, combined.multipliers_K),
        "projected_away": combined.projected_away,
    }


def gradient_report(batch: Batch, gram_KK: Floats, cross_KK: Floats) -> dict[str, Any]:
    """From a Gram matrix and its part without noise. Objectives without signal have no cosine."""
    live = batch.live_K & (np.diag(gram_KK) > 0.0)
    matrix_KK = np.where(np.outer(live, live), cosines(gram_KK), np.nan)
    hull = gram_KK[np.ix_(live, live)]
    shortest = min_norm_weights(hull)
    return {
        "cosines": [[_rounded(c) for c in row] for row in matrix_KK.tolist()],
        "ceiling": [_rounded(c) for c in np.where(live, split_half_cosines(np.diag(gram_KK), np.diag(cross_KK)), np.nan).tolist()],
        "conflict_rate": conflict_rate(matrix_KK),
        "min_norm": sqrt(max(float(shortest @ hull @ shortest), 0.0)) if live.any() else 0.0,
        "gradient_norms": by_name(batch.names, np.sqrt(np.clip(np.diag(gram_KK), 0.0, None))),
    }


def by_name(names: Sequence[str], values: Floats) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _banded(values_F: Floats, components: Sequence[str], capability: Capability) -> float:
    scores: Mapping[str, Score] = {n: Score(name=n, value=None if isnan(v) else v) for n, v in zip(components, values_F.tolist(), strict=True)}
    reward = banded_reward(scores, capability)
    return np.nan if reward is None else reward


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _rounded(value: float) -> float | None:
    """None for NaN, which JSON does not know."""
    return None if isnan(value) else round(value, 5)
