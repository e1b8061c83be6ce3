"""How much of a gradient is signal: without it a cosine near 0 between two objectives means nothing.

Over prompts drawn anew, a sampled gradient is g + noise. Its square holds the noise, |g|^2 + noise; the product of two halves with different
prompts does not. The cosine c between an objective's two halves (split-half reliability) is what a true cosine of 1 would look like through the
noise of half of the prompts. Cosines between objectives are of all prompts, which keep 2c / (1 + c) (Spearman and Brown, 1910): they are read
against the root of the product of two such numbers.
"""

import numpy as np

from alignment.arrays import Floats


def split_half_cosines(squares_K: Floats, cross_K: Floats) -> Floats:
    """Expected cosine between the gradients of two halves of each objective's prompts, in [-1, 1].

    `squares_K` is |g|^2 over all prompts, `cross_K` the inner product of the two halves' gradients (each a mean): with |g|^2 = cross + noise,
    half of the prompts have cross + 2 noise. NaN where `cross_K` is NaN (one prompt has no halves) or nothing is left.
    """
    halves_K = 2.0 * squares_K - cross_K
    return np.clip(np.divide(cross_K, halves_K, out=np.full(len(cross_K), np.nan), where=halves_K > 0.0), -1.0, 1.0)
