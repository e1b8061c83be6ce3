"""Our method: the same quadratic programme as `exact`, on a Gram matrix from a probe, and one backward pass.

The multipliers are additions to the weights of the advantages, so no gradient has to be kept: what `exact` does with K of them happens here
before the only one is computed, and works unchanged where gradients are sharded.
"""

from alignment.grpo.strategies.exact import combine
from alignment.grpo.strategies.strategy import Strategy

STRATEGY = Strategy(name="balanced", gradients="probe", advantages="components", combine=combine)
