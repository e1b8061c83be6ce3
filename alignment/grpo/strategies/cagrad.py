"""CAGrad, conflict-averse gradient descent (Liu et al., NeurIPS 2021, arXiv:2110.14048), with the paper's c = 0.5.

d = argmax min_k <g_k, d> subject to |d - g_0| <= c |g_0|: the worst objective improves most, near the plain step. Its dual is
b = argmin over the simplex of F(b) = <g_b, g_0> + c |g_0| |g_b| with g_b = sum_k b_k g_k, and d = g_0 + c |g_0| g_b / |g_b|.

F has no derivative at g_b = 0, so |g_b| is written as min over t of (|g_b|^2 / t + t) / 2. For a fixed t the best b is the shortest vector
in the hull of g_k + s g_0 with s = t / (c |g_0|), and what is left is convex in t with its minimum where |g_b(t)| = t: a root in one
variable. Where zero lies in the hull and is best, g_b / t keeps its limit as t shrinks, and d is the nearest to g_0 of all best steps.

*Scale.* The paper's g_0 is the average gradient; ours is the plain step sum_k w_k g_k, and the length stays between (1 - c) and (1 + c)
times |g_0|. No division by 1 + c or 1 + c^2 afterwards, which the authors' code offers and the paper's algorithm does not have.
"""

import numpy as np
from scipy.optimize import brentq

from alignment.arrays import Bools, Floats
from alignment.grpo.balance import checked, nearest_to_zero, vectors_with
from alignment.grpo.strategies.strategy import Combined, Strategy, combined

C = 0.5
_LEAST = 1e-8
"""The least t, relative to the longest gradient: below it a double precision Gram matrix does not tell g_b from zero."""


def combine(gram_KK: Floats, weights_K: Floats, constrained_K: Bools, rng: np.random.Generator) -> Combined:
    gram_KK, weights_K = checked(gram_KK, weights_K)
    live = constrained_K & (np.diag(gram_KK) > 0.0)
    vectors_KR = vectors_with(gram_KK)
    objectives_LR, plain_R = vectors_KR[live], weights_K @ vectors_KR
    plain = float(np.linalg.norm(plain_R))
    if not live.any() or plain <= 0.0:
        return combined(gram_KK, weights_K, weights_K)
    longest = float(np.linalg.norm(objectives_LR, axis=1).max())
    least = _LEAST * longest

    def best_hull_weights(t: float) -> Floats:
        return nearest_to_zero(objectives_LR + t / (C * plain) * plain_R)

    def length(hull_L: Floats) -> float:
        return float(np.linalg.norm(hull_L @ objectives_LR))

    def excess(t: float) -> float:
        return length(best_hull_weights(t)) - t

    t = least if excess(least) <= 0.0 else brentq(excess, least, longest + least, xtol=1e-6 * least, rtol=1e-12)
    hull_L = best_hull_weights(t)
    coefficients_K = weights_K.copy()
    # A rounded t may be below the length that it stands for; the step may not leave the ball for that.
    coefficients_K[live] += C * plain / max(t, length(hull_L)) * hull_L
    return combined(gram_KK, weights_K, coefficients_K)


STRATEGY = Strategy(name="cagrad", gradients="apart", advantages="components", combine=combine)
