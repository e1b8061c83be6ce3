"""The components of a reply's reward as TRL calls them: one function each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from alignment.rewards import ComponentScorer
from core.errors import TrainingError
from core.types import TrainingSample

RewardFunction = Callable[..., list[float | None]]


def reward_function(component: str, samples: Sequence[TrainingSample], scorer: ComponentScorer) -> RewardFunction:
    """Called with the batch's columns, it answers one value or None (unscored) per reply.

    Raises TrainingError naming the item when a value is not finite: taken for unscored, it would hide a scorer's bug.
    """

    def reward(completions: Sequence[Sequence[Mapping[str, str]]], sample: Sequence[int], **_: Any) -> list[float | None]:
        asked = [(samples[i], reply[0]["content"]) for i, reply in zip(sample, completions, strict=True)]
        values = scorer.values(asked, component)
        for (item, _reply), value in zip(asked, values, strict=True):
            if value is not None and not np.isfinite(value):
                raise TrainingError(f"The reward component {component} of item {item.id} ({item.family}) is {value}; what cannot be scored is None")
        return values

    reward.__name__ = component
    return reward
