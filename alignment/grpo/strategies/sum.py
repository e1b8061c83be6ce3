"""Plain GRPO (Shao et al., "DeepSeekMath", 2024, arXiv:2402.03300): one reward, the weighted sum of the components, one gradient.

A component with a large spread decides alone, and so does a capability with many prompts: the baseline that the others are measured by.
As published it knows no bands, so an unsafe reply can get a higher advantage than a safe one.
"""

from alignment.grpo.strategies.strategy import Strategy, as_weighted

STRATEGY = Strategy(name="sum", gradients="none", advantages="sum", combine=as_weighted)
