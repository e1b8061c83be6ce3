"""What a reply is worth: rule components from the exam's own scorers, models that weigh what they were measured to be worth, and the bands
that order replies before either.
"""

from alignment.rewards.bands import MODEL_COMPONENTS, Band, band_of, banded_advantages, banded_reward
from alignment.rewards.components import COMPONENTS, RIGHT, ComponentScorer, RewardModel, component_weights, reward_components

__all__ = [
    "COMPONENTS",
    "MODEL_COMPONENTS",
    "RIGHT",
    "Band",
    "ComponentScorer",
    "RewardModel",
    "band_of",
    "banded_advantages",
    "banded_reward",
    "component_weights",
    "reward_components",
]
