"""GDPO, group reward-decoupled normalisation policy optimisation (Liu et al., NVIDIA, ICML 2026, arXiv:2601.05242).

Each component is normalised within its group before the weighted sum, which is then whitened over the whole batch: components keep a say
of their own, but one backward pass sees one advantage, so a conflict between them is not resolved. TRL calls it `normalize_then_sum`.

For comparison: as published it knows no bands, so an unsafe reply can get a higher advantage than a safe one.
"""

from alignment.grpo.strategies.strategy import Strategy, as_weighted

STRATEGY = Strategy(name="gdpo", gradients="none", advantages="gdpo", combine=as_weighted)
