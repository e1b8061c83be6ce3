import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.grpo.strategies.pcgrad import combine
from tests.alignment.grpo.gradients import objectives


def surgery(gradients, weights, constrained, rng):
    """Algorithm 1 of the paper, on vectors."""
    total = np.zeros(gradients.shape[1])
    for i in range(len(gradients)):
        own = weights[i] * gradients[i]
        for j in rng.permutation(len(gradients)):
            other = gradients[j]
            if j != i and constrained[j] and own @ other < 0.0 < other @ other:
                own = own - (own @ other) / (other @ other) * other
        total += own
    return total


@settings(max_examples=120, deadline=None)
@given(objectives(), st.integers(0, 2**32 - 1), st.data())
def test_it_is_the_papers_algorithm_on_vectors(case, seed, data):
    gradients, weights = case
    constrained = np.array(data.draw(st.lists(st.booleans(), min_size=len(weights), max_size=len(weights))))
    result = combine(gradients @ gradients.T, weights, constrained, np.random.default_rng(seed))
    expected = surgery(gradients, weights, constrained, np.random.default_rng(seed))
    scale = weights @ np.linalg.norm(gradients, axis=1)
    assert result.coefficients_K @ gradients == pytest.approx(expected, abs=1e-6 * max(scale, 1e-300))


@settings(max_examples=60, deadline=None)
@given(objectives(), st.integers(0, 2**32 - 1))
def test_of_two_objectives_none_is_opposed(case, seed):
    gradients, weights = case[0][:2], case[1][:2]
    result = combine(gradients @ gradients.T, weights, np.ones(len(gradients), dtype=bool), np.random.default_rng(seed))
    step, lengths = result.coefficients_K @ gradients, np.linalg.norm(gradients, axis=1)
    assert (gradients @ step >= -1e-8 * lengths * (result.coefficients_K @ lengths)).all()


@settings(max_examples=60, deadline=None)
@given(objectives(), st.integers(0, 2**32 - 1))
def test_without_conflict_it_is_the_plain_sum(case, seed):
    gradients, weights = np.abs(case[0]), case[1]
    result = combine(gradients @ gradients.T, weights, np.ones(len(weights), dtype=bool), np.random.default_rng(seed))
    assert result.coefficients_K == pytest.approx(weights)


def test_the_order_is_drawn_so_three_objectives_can_give_different_steps():
    gradients = np.array([[1.0, 0.0], [-0.8, 0.6], [-0.6, -0.8]])
    steps = {
        tuple((combine(gradients @ gradients.T, np.ones(3), np.ones(3, dtype=bool), np.random.default_rng(s)).coefficients_K @ gradients).round(9))
        for s in range(20)
    }
    assert len(steps) > 1


def test_an_anchor_is_projected_off_and_adds_nothing_of_its_own():
    gradients = np.array([[1.0, 0.0], [-1.0, 1.0]])
    step = combine(gradients @ gradients.T, np.array([1.0, 0.0]), np.array([False, True]), np.random.default_rng(0)).coefficients_K @ gradients
    assert step == pytest.approx([0.5, 0.5])
