import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.grpo.balance import FEASIBILITY, balance
from alignment.grpo.strategies import STRATEGIES
from tests.alignment.grpo.gradients import objectives


@pytest.mark.parametrize("name", ["exact", "balanced"])
@settings(max_examples=60, deadline=None)
@given(case=objectives(tilts=(0.0, 1e-12, 1e-8, 1e-4)), data=st.data())
def test_no_constrained_objective_is_opposed(name, case, data):
    gradients, weights = case
    constrained = np.array(data.draw(st.lists(st.booleans(), min_size=len(weights), max_size=len(weights))))
    result = STRATEGIES[name].combine(gradients @ gradients.T, weights, constrained, np.random.default_rng(0))
    step, lengths = result.coefficients_K @ gradients, np.linalg.norm(gradients, axis=1)
    assert (gradients @ step >= -FEASIBILITY * lengths * (result.coefficients_K @ lengths))[constrained].all()
    assert (result.multipliers_K[~constrained] == 0.0).all()
    assert (result.multipliers_K >= 0.0).all()


@settings(max_examples=30, deadline=None)
@given(objectives())
def test_the_one_backward_pass_solves_the_same_programme(case):
    gradients, weights = case
    gram, constrained = gradients @ gradients.T, np.ones(len(weights), dtype=bool)
    kept_apart, one_pass = (STRATEGIES[n].combine(gram, weights, constrained, np.random.default_rng(0)) for n in ("exact", "balanced"))
    assert one_pass.coefficients_K.tolist() == kept_apart.coefficients_K.tolist() == balance(gram, weights).coefficients_K.tolist()
