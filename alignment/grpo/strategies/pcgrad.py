"""PCGrad, projecting conflicting gradients (Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, arXiv:2001.06782).

Algorithm 1: each objective's gradient, in turn and in an order drawn anew for each, loses its component along every other one that it
opposes at that moment; the projected gradients are added. From the Gram matrix: row i holds the coefficients of the i-th projected gradient.

*Scale.* The paper adds gradients where we add w_k g_k; projecting off g_j does not depend on the length of g_j, so the weights only enter as
lengths of what is projected. Without conflict it is the plain sum. One without weight is projected off but has nothing to project.
"""

import numpy as np

from alignment.arrays import Bools, Floats
from alignment.grpo.balance import checked
from alignment.grpo.strategies.strategy import Combined, Strategy, combined


def combine(gram_KK: Floats, weights_K: Floats, constrained_K: Bools, rng: np.random.Generator) -> Combined:
    gram_KK, weights_K = checked(gram_KK, weights_K)
    projected_KK = np.diag(weights_K)
    for i, row_K in enumerate(projected_KK):
        for j in rng.permutation(len(weights_K)):
            opposed = row_K @ gram_KK[j]
            if j != i and constrained_K[j] and opposed < 0.0 < gram_KK[j, j]:
                row_K[j] -= opposed / gram_KK[j, j]
    return combined(gram_KK, weights_K, projected_KK.sum(axis=0))


STRATEGY = Strategy(name="pcgrad", gradients="apart", advantages="components", combine=combine)
