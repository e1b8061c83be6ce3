"""How the gradients of several objectives become one step that opposes none of them.

Given gradients g_k with base weights w_k, the balanced direction is

    d = argmin |d - sum_k w_k g_k|^2   subject to   <d, g_k> >= 0  for every constrained k.

Its KKT conditions give d = sum_k (w_k + lambda_k) g_k with lambda >= 0, so d is the policy gradient of one re-weighted sum of
advantages, and lambda solves min over lambda >= 0 of |sum_k (w_k + lambda_k) g_k|^2: a non-negative least squares problem in K unknowns
that sees the gradients only through their K x K Gram matrix. Pure numpy; nothing here knows of models.

Left out: noise. A cosine below an objective's own split-half noise is treated like any other.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from alignment.arrays import Bools, Floats
from core.errors import TrainingError

FEASIBILITY = 1e-8
"""No constraint is missed by more than this, relative to |g_k| times sum_j (w_j + lambda_j) |g_j|: the lengths that are added up."""
_TINY = 1e-150
# A Gram matrix in double precision cannot tell angles below about 1e-8 from zero. Smaller eigenvalues are taken for zero, and this ridge
# bounds the multipliers where gradients oppose each other to within such an angle.
_RIDGE = 2e-7
# The ridge pulls toward the last solution, at first toward zero, so that its effect fades wherever the Gram matrix determines the answer.
# Opposed to within 1e-4, the objective is off by 7e-6 after one round and by 1e-7 after two. Below, rounding the matrix and the ridge both
# count (three objectives, 60 cases each, against 60 digits): at 1e-5 5e-7 by rounding alone and 1e-6 here, at 1e-6 2e-4 and 3e-3.
_ROUNDS = 2


class Balance(NamedTuple):
    coefficients_K: Floats
    """w_k + lambda_k: the balanced direction is the sum of the gradients with these factors."""
    multipliers_K: Floats
    """lambda_k >= 0; zero where the plain weighted sum already does not oppose g_k, or where it is not constrained."""
    projected_away: float
    """|d - sum w g|^2 / |sum w g|^2: the share of the plain step that had to go, or be added, in [0, inf)."""


def balance(gram_KK: Floats, weights_K: Floats, constrained_K: Bools | None = None) -> Balance:
    """The balanced direction from the Gram matrix of the gradients.

    An estimate that is not positive semi-definite stands for the nearest that is, in units of its diagonal's lengths.
    `constrained_K` marks the objectives that must not be opposed (default: all). Gradients of length zero constrain nothing.
    Raises TrainingError when a number is not finite, a weight is negative, or the shapes disagree.
    """
    gram, weights = checked(gram_KK, weights_K)
    norms = np.sqrt(np.clip(np.diag(gram), 0.0, None))
    free = norms > _TINY
    if constrained_K is not None:
        free &= constrained_K
    multipliers = np.zeros(len(weights))
    total = float(weights @ norms)
    if free.any() and total > 0.0:
        # Unit gradients and unit total: lengths differ by orders of magnitude between capabilities, the solver's tolerance is absolute.
        factor_KR = _factor(gram, norms)
        plain_R = factor_KR.T @ (weights * norms / total)
        ridge_FF = _RIDGE * np.eye(int(free.sum()))
        solution = np.zeros(len(ridge_FF))
        for _ in range(_ROUNDS):
            solution, _ = nnls(np.vstack([factor_KR[free].T, ridge_FF]), np.append(-plain_R, ridge_FF @ solution), maxiter=100 * len(weights))
        multipliers[free] = solution * total / norms[free]
    plain = float(weights @ gram @ weights)
    moved = max(float(multipliers @ gram @ multipliers), 0.0)
    return Balance(weights + multipliers, multipliers, moved / plain if plain > 0.0 else 0.0)


def min_norm_weights(gram_KK: Floats) -> Floats:
    """Convex weights c of the shortest vector sum_k c_k g_k in the convex hull; its length is 0 at a Pareto-stationary point.

    Objectives with zero gradient make the answer trivially theirs, so leave them out first.
    """
    gram, _ = checked(gram_KK, np.ones(len(gram_KK)))
    if len(gram) == 0:
        return np.zeros(0)
    norms = np.sqrt(np.clip(np.diag(gram), 0.0, None))
    if norms.max() <= _TINY:
        return np.full(len(gram), 1.0 / len(gram))
    return nearest_to_zero(vectors_with(gram))


def vectors_with(gram_KK: Floats) -> Floats:
    """Some vectors (K, K) that have this Gram matrix; each is exact relative to its own length, however much longer others are."""
    norms = np.sqrt(np.clip(np.diag(gram_KK), 0.0, None))
    return np.asarray(norms[:, None] * _factor(gram_KK, norms), dtype=np.float64)


def nearest_to_zero(rows_KR: Floats) -> Floats:
    """Convex weights c (K,) of the point sum_k c_k row_k nearest to zero.

    For c = s * b with b in the simplex, min over s of s^2 |sum b row|^2 + (s - 1)^2 grows with |sum b row|, so one non-negative least
    squares problem finds b.
    """
    lengths = np.linalg.norm(rows_KR, axis=1)
    shortest = int(np.argmin(lengths))
    if lengths[shortest] <= _TINY:
        return np.eye(len(rows_KR))[shortest]
    # In the unit of the shortest row, the point's length is at most 1 and the solver's absolute tolerance means something.
    stacked = np.vstack([rows_KR.T / lengths[shortest], np.ones(len(rows_KR))])
    solution, _ = nnls(stacked, np.append(np.zeros(rows_KR.shape[1]), 1.0), maxiter=100 * len(rows_KR))
    return np.asarray(solution / solution.sum(), dtype=np.float64)


def cosines(gram_KK: Floats) -> Floats:
    """Cosine of every pair; NaN where a gradient has length zero."""
    norms = np.sqrt(np.clip(np.diag(gram_KK), 0.0, None))
    norms = np.where(norms > _TINY, norms, np.nan)
    return np.clip(gram_KK / norms[:, None] / norms[None, :], -1.0, 1.0)


def conflict_rate(cosines_KK: Floats) -> float:
    """Share of the pairs that point apart (cosine below 0); 0 where there is no pair."""
    pairs = cosines_KK[np.triu_indices(len(cosines_KK), k=1)]
    pairs = pairs[~np.isnan(pairs)]
    return float(np.mean(pairs < 0.0)) if len(pairs) else 0.0


def checked(gram_KK: Floats, weights_K: Floats) -> tuple[Floats, Floats]:
    """The two as symmetric and double precision. Raises TrainingError when they cannot be what they are called."""
    gram, weights = np.asarray(gram_KK, dtype=np.float64), np.asarray(weights_K, dtype=np.float64)
    if gram.shape != (len(weights), len(weights)):
        raise TrainingError(f"A Gram matrix of shape {gram.shape} does not fit {len(weights)} weights")
    if not (np.isfinite(gram).all() and np.isfinite(weights).all()):
        raise TrainingError("The Gram matrix and the weights must be finite")
    if (weights < 0.0).any():
        raise TrainingError("Weights may not be negative")
    return (gram + gram.T) / 2.0, weights


def _factor(gram: Floats, norms: Floats) -> Floats:
    """B (K, K) with B B^T = the Gram matrix of the gradients divided by `norms`; eigenvalues that are rounding are dropped."""
    divisor = np.where(norms > _TINY, norms, 1.0)
    values, vectors = np.linalg.eigh(gram / divisor[:, None] / divisor[None, :])
    kept = values > 8 * len(gram) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    return np.asarray(vectors * np.sqrt(np.where(kept, values, 0.0)), dtype=np.float64)
