import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.grpo.strategies import STRATEGIES, strategy_named
from core.errors import RecipeError, TrainingError
from tests.alignment.grpo.gradients import objectives

NAMES = ("sum", "gdpo", "pcgrad", "mgda", "cagrad", "exact", "balanced")
WITH_GRAM = tuple(name for name in NAMES if STRATEGIES[name].gradients != "none")
WITHOUT_CHANCE = tuple(name for name in NAMES if name != "pcgrad")


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


@pytest.mark.parametrize("name", WITHOUT_CHANCE)
@settings(max_examples=60, deadline=None)
@given(case=objectives(), data=st.data())
def test_the_order_of_the_objectives_does_not_matter(name, case, data):
    gradients, weights = case
    order = data.draw(st.permutations(range(len(weights))))
    step = combine(name, gradients, weights).coefficients_K @ gradients
    turned = combine(name, gradients[order], weights[order]).coefficients_K @ gradients[order]
    assert turned == pytest.approx(step, abs=1e-5 * _longest_plain(gradients, weights))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(case=objectives(), power=st.integers(-8, 8))
def test_twice_the_weights_are_twice_the_step(name, case, power):
    gradients, weights = case
    step = combine(name, gradients, weights).coefficients_K @ gradients
    scaled = combine(name, gradients, 2.0**power * weights).coefficients_K @ gradients
    assert scaled / 2.0**power == pytest.approx(step, abs=1e-6 * _longest_plain(gradients, weights))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(case=objectives(), power=st.integers(-40, 40))
def test_the_unit_of_the_gradients_does_not_matter(name, case, power):
    gradients, weights = case
    step = combine(name, gradients, weights).coefficients_K @ gradients
    scaled = combine(name, 2.0**power * gradients, weights).coefficients_K @ gradients
    assert scaled == pytest.approx(step, abs=1e-6 * _longest_plain(gradients, weights))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(case=objectives())
def test_what_is_told_beside_the_coefficients_follows_from_them(name, case):
    gradients, weights = case
    result = combine(name, gradients, weights)
    plain, step = weights @ gradients, result.coefficients_K @ gradients
    assert result.coefficients_K == pytest.approx(weights + result.multipliers_K)
    if plain @ plain > 1e-6 * _longest_plain(gradients, weights) ** 2:
        assert result.projected_away == pytest.approx((step - plain) @ (step - plain) / (plain @ plain), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("mgda", "cagrad")])
def test_objectives_that_agree_are_summed_plainly(name):
    assert combine(name, [[1.0, 0.2], [0.3, 1.0]], [0.7, 0.3]).coefficients_K == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_has_a_gradient_the_base_weights_stay(name):
    assert combine(name, np.zeros((2, 3)), [0.7, 0.3]).coefficients_K == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize("name", NAMES)
def test_only_pcgrad_draws(name):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    STRATEGIES[name].combine(np.eye(3), np.ones(3), np.ones(3, dtype=bool), rng)
    assert (rng.bit_generator.state != before) == (name == "pcgrad")


@pytest.mark.parametrize("name", WITH_GRAM)
@pytest.mark.parametrize(("gradients", "weights"), [([[np.nan, 0.0], [1.0, 0.0]], [0.5, 0.5]), ([[1.0], [1.0]], [0.5, -0.5]), ([[1.0]], [0.5, 0.5])])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_malformed_input_is_refused(name, gradients, weights):
    with pytest.raises(TrainingError, match=r"finite|negative|fit"):
        combine(name, gradients, weights)


def _longest_plain(gradients, weights):
    """A length to measure rounding by: what the weighted gradients, or MGDA's with the same sum of weights, could add up to."""
    lengths = np.linalg.norm(gradients, axis=1)
    return max(weights.sum() * lengths.max(), 1e-300)
