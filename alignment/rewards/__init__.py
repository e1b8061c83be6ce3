"""What a reply is worth: rule components from the exam's own scorers, and the bands that order replies by them."""

from alignment.rewards.bands import Band, band_of, banded_reward
from alignment.rewards.components import COMPONENTS, RIGHT, ComponentScorer, component_weights, reward_components

__all__ = ["COMPONENTS", "RIGHT", "Band", "ComponentScorer", "band_of", "banded_reward", "component_weights", "reward_components"]
