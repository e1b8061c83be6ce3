"""What a reply is worth: rule components from the exam's own scorers, and the bands that order replies by them."""

from alignment.rewards.bands import Band, band_of, banded_reward
from alignment.rewards.components import COMPONENT_WEIGHTS, ComponentScorer, reward_components

__all__ = ["COMPONENT_WEIGHTS", "Band", "ComponentScorer", "band_of", "banded_reward", "reward_components"]
