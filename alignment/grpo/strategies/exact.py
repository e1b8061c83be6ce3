"""The reference of our method: every objective's gradient kept apart, the quadratic programme of `alignment.grpo.balance` on all of them.

The step is the nearest to the plain one that opposes no constrained objective to first order, so it is never longer than the plain one.
"""

import numpy as np

from alignment.arrays import Bools, Floats
from alignment.grpo.balance import balance
from alignment.grpo.strategies.strategy import Combined, Strategy


def combine(gram_KK: Floats, weights_K: Floats, constrained_K: Bools, rng: np.random.Generator) -> Combined:
    return Combined(*balance(gram_KK, weights_K, constrained_K))


STRATEGY = Strategy(name="exact", gradients="apart", advantages="components", combine=combine)
