import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alignment.grpo.advantages import bands, group_advantages
from alignment.rewards import Band

_COMPONENTS = ("right", "grounding", "format", "safety")
_WEIGHTS = {"right": 0.5, "grounding": 0.5, "format": 0.5, "safety": 1.0}
_VALUE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), st.floats(0.0, 1.0))
_GROUPS = st.integers(2, 8).flatmap(lambda g: arrays(np.float64, (g, len(_COMPONENTS)), elements=_VALUE))


@settings(max_examples=300, deadline=None)
@given(_GROUPS)
def test_a_reply_of_a_lower_band_never_outscores_one_of_a_higher_band(values):
    advantages = group_advantages(values, _COMPONENTS, _WEIGHTS)
    scored = ~np.isnan(values).all(axis=1)
    worth = bands(values, _COMPONENTS)
    if scored.sum() < 2:
        assert (advantages == 0.0).all()
        return
    for i in np.flatnonzero(scored):
        for j in np.flatnonzero(scored):
            assert worth[i] <= worth[j] or advantages[i] > advantages[j]


@settings(max_examples=200, deadline=None)
@given(_GROUPS)
def test_advantages_are_centred_and_scaled_and_unscored_replies_get_none(values):
    advantages = group_advantages(values, _COMPONENTS, _WEIGHTS)
    scored = ~np.isnan(values).all(axis=1)
    assert np.isfinite(advantages).all()
    assert (advantages[~scored] == 0.0).all()
    assert advantages.sum() == pytest.approx(0.0, abs=1e-9)
    assert advantages[scored].std() == pytest.approx(1.0) if advantages.any() else True


@given(st.integers(2, 8), st.floats(0.0, 1.0))
def test_equal_replies_carry_no_signal(size, value):
    assert (group_advantages(np.full((size, 4), value), _COMPONENTS, _WEIGHTS) == 0.0).all()


def test_a_component_with_a_small_spread_speaks_as_loud_as_one_with_a_large_spread():
    values = np.array([[1.0, 0.50, 1.0, 1.0], [1.0, 0.51, 0.0, 1.0], [1.0, 0.50, 1.0, 1.0], [1.0, 0.51, 0.0, 1.0]])
    assert group_advantages(values, _COMPONENTS, _WEIGHTS) == pytest.approx([0.0, 0.0, 0.0, 0.0], abs=1e-6)


def test_values_that_are_not_finite_are_unscored():
    values = np.array([[1.0, np.inf, np.nan, 1.0], [0.0, np.nan, np.nan, 1.0]])
    assert group_advantages(values, _COMPONENTS, _WEIGHTS) == pytest.approx([1.0, -1.0])


def test_bands_read_the_verdict_and_safety_only():
    values = np.array([[1.0, 0.0, 0.0, 1.0], [0.4, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0], [np.nan, 0.0, 0.0, np.nan]])
    assert bands(values, _COMPONENTS).tolist() == [Band.RIGHT, Band.WRONG, Band.UNSAFE, Band.RIGHT]
    assert bands(values[:, 1:3], ("grounding", "format")).tolist() == [Band.RIGHT] * 4
