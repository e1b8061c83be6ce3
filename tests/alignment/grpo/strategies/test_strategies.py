import numpy as np
import pytest

from alignment.grpo.strategies import STRATEGIES, strategy_named
from core.errors import RecipeError, TrainingError

NAMES = ("sum", "gdpo", "pcgrad", "mgda", "cagrad", "exact", "balanced")
WITH_GRAM = tuple(name for name in NAMES if STRATEGIES[name].gradients != "none")


def combine(name, gradients, weights, constrained=None, seed=0):
    gradients = np.asarray(gradients, dtype=float)
    constrained = np.ones(len(gradients), dtype=bool) if constrained is None else np.asarray(constrained)
    return STRATEGIES[name].combine(gradients @ gradients.T, np.asarray(weights, dtype=float), constrained, np.random.default_rng(seed))


def test_every_strategy_has_its_name():
    assert tuple(STRATEGIES) == NAMES
    assert all(strategy_named(name).name == name for name in NAMES)


def test_an_unknown_name_is_refused():
    with pytest.raises(RecipeError, match="known are sum, gdpo"):
        strategy_named("nash")


@pytest.mark.parametrize("name", WITH_GRAM)
def test_numbers_that_are_not_finite_are_refused(name):
    with pytest.raises(TrainingError, match="finite"):
        combine(name, [[np.nan, 0.0], [1.0, 0.0]], [0.5, 0.5])
