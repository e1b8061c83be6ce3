"""MGDA, the multiple-gradient descent algorithm (Désidéri, Comptes Rendus Mathématique 350, 2012; Sener & Koltun, NeurIPS 2018, arXiv:1810.04650).

The step is the shortest vector in the convex hull of the gradients: it improves all objectives, the shortest gradient's owner most, and is
zero at a Pareto-stationary point.

*Scale.* The papers' coefficients add up to 1, as those of the average gradient do; ours add up to what the base weights add up to. Beyond
that MGDA, as published, has no weights. Gradients are not normalised first (the papers' plain form).
"""

import numpy as np

from alignment.arrays import Bools, Floats
from alignment.grpo.balance import checked, min_norm_weights
from alignment.grpo.strategies.strategy import Combined, Strategy, combined


def combine(gram_KK: Floats, weights_K: Floats, constrained_K: Bools, rng: np.random.Generator) -> Combined:
    gram_KK, weights_K = checked(gram_KK, weights_K)
    live = constrained_K & (np.diag(gram_KK) > 0.0)
    if not live.any():
        return combined(gram_KK, weights_K, weights_K)
    coefficients_K = np.zeros(len(weights_K))
    coefficients_K[live] = weights_K.sum() * min_norm_weights(gram_KK[np.ix_(live, live)])
    return combined(gram_KK, weights_K, coefficients_K)


STRATEGY = Strategy(name="mgda", gradients="apart", advantages="components", combine=combine)
