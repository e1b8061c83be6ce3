from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alignment.grpo.balance import FEASIBILITY, balance, conflict_rate, cosines, min_norm_weights
from core.errors import TrainingError
from tests.alignment.grpo.gradients import BEYOND, objectives, random_cases
from tests.alignment.grpo.programme import programme_of


@settings(max_examples=120, deadline=None)
@given(objectives())
def test_the_step_opposes_no_objective_and_meets_the_kkt_conditions(case):
    gradients, weights = case
    result = balance(gradients @ gradients.T, weights)
    step, lengths = result.coefficients_K @ gradients, np.linalg.norm(gradients, axis=1)
    scale = weights @ lengths
    assert (result.multipliers_K >= 0.0).all()
    assert (gradients @ step >= -FEASIBILITY * lengths * scale).all()
    # complementary slackness: what is pushed back lies exactly on its boundary
    assert abs(result.multipliers_K @ (gradients @ step)) <= FEASIBILITY * scale * (result.multipliers_K @ lengths + scale)


@settings(max_examples=120, deadline=None)
@given(objectives(tilts=(1e-14, 1e-12, 1e-10, 1e-8, 1e-6)))
def test_the_step_stays_feasible_where_gradients_oppose_each_other_almost_exactly(case):
    gradients, weights = case
    result = balance(gradients @ gradients.T, weights)
    step, lengths = result.coefficients_K @ gradients, np.linalg.norm(gradients, axis=1)
    assert (gradients @ step >= -FEASIBILITY * lengths * (result.coefficients_K @ lengths)).all()
    assert np.linalg.norm(step) <= 1.001 * weights @ lengths


@settings(max_examples=60, deadline=None)
@given(objectives())
def test_no_feasible_direction_is_closer_to_the_plain_sum(case):
    gradients, weights = case
    gram, plain = gradients @ gradients.T, weights @ gradients
    step = balance(gram, weights).coefficients_K @ gradients
    distance = np.linalg.norm(step - plain)
    best = min(_distances_of_active_sets(gradients, plain), default=np.linalg.norm(plain))
    assert distance <= best + 1e-6 * (weights @ np.linalg.norm(gradients, axis=1))


def _distances_of_active_sets(gradients, plain):
    """Brute force: project onto the boundary of every subset of constraints; the nearest feasible projection is the solution."""
    lengths = np.linalg.norm(gradients, axis=1)
    for chosen in product([False, True], repeat=len(gradients)):
        rows = gradients[[c and length > 0 for c, length in zip(chosen, lengths, strict=True)]]
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) if len(rows) else rows
        candidate = plain - (np.linalg.pinv(rows, rcond=1e-10) @ (rows @ plain) if len(rows) else 0.0)
        if (gradients @ candidate >= -1e-9 * lengths * (np.linalg.norm(plain) + 1e-300)).all():
            yield np.linalg.norm(candidate - plain)


def test_a_thousand_random_programmes_agree_with_cvxpy_and_scipy():
    compared = [case for case in random_cases(1125) if case.kind != BEYOND]
    assert len(compared) == 1000
    for case in compared:
        programme, step = programme_of(case), _step_of(case)
        distance = np.sum((step - programme.target_D) ** 2)
        assert (programme.bounds_CD @ step >= -1e-8).all(), case.kind
        assert distance == pytest.approx(programme.by_cvxpy(), abs=1e-6), case.kind
        assert distance == pytest.approx(programme.by_scipy(), abs=1e-6), case.kind


def test_opposed_to_within_less_than_1e_4_the_step_is_feasible_and_not_longer_than_the_plain_one():
    for case in random_cases(1200, seed=1, kinds=(BEYOND,)):
        programme, step = programme_of(case), _step_of(case)
        assert (programme.bounds_CD @ step >= -1e-7).all()
        assert np.linalg.norm(step) <= (1 + 1e-9) * np.linalg.norm(programme.target_D)


def _step_of(case):
    """In the programme's unit."""
    return balance(case.gram_KK, case.weights_K, case.constrained_K).coefficients_K @ case.gradients_KD / programme_of(case).unit


@settings(max_examples=60, deadline=None)
@given(objectives())
def test_objectives_that_agree_are_summed_plainly(case):
    gradients, weights = np.abs(case[0]), case[1]
    result = balance(gradients @ gradients.T, weights)
    assert result.multipliers_K @ gradients == pytest.approx(0.0, abs=1e-9 * max(1.0, np.abs(weights @ gradients).max()))
    assert result.projected_away <= 1e-12


@settings(max_examples=80, deadline=None)
@given(objectives(), arrays(np.float64, (6, 6), elements=st.floats(-1.0, 1.0)))
def test_an_estimate_that_is_no_gram_matrix_stands_for_the_nearest_that_is(case, error):
    gradients, weights = case
    k, lengths = len(gradients), np.maximum(np.linalg.norm(gradients, axis=1), 1e-3)
    gram = gradients @ gradients.T + (error + error.T)[:k, :k] * np.outer(lengths, lengths)
    gram[np.diag_indices(k)] = lengths**2
    result = balance(gram, weights)
    values, vectors = np.linalg.eigh(gram / np.outer(lengths, lengths))
    nearest = (vectors * values.clip(0.0)) @ vectors.T
    assert (result.multipliers_K >= 0.0).all()
    assert result.projected_away >= 0.0
    assert (nearest @ (result.coefficients_K * lengths) >= -1e-8 * (result.coefficients_K @ lengths)).all()


def test_two_opposed_objectives_meet_on_the_boundary():
    gradients = np.array([[1.0, 0.0], [-0.6, 0.8]])
    result = balance(gradients @ gradients.T, np.array([1.0, 0.5]))
    assert result.multipliers_K == pytest.approx([0.0, 0.1])
    assert gradients[1] @ (result.coefficients_K @ gradients) == pytest.approx(0.0, abs=1e-12)


def test_exactly_opposed_objectives_stand_still():
    gradients = np.array([[1.0, 2.0], [-1.0, -2.0]])
    result = balance(gradients @ gradients.T, np.array([0.7, 0.3]))
    assert result.coefficients_K @ gradients == pytest.approx([0.0, 0.0], abs=1e-12)


def test_an_anchor_without_weight_only_constrains():
    gradients = np.array([[1.0, 0.0], [-1.0, 1.0]])
    held = balance(gradients @ gradients.T, np.array([1.0, 0.0]))
    assert gradients[1] @ (held.coefficients_K @ gradients) == pytest.approx(0.0, abs=1e-12)
    ignored = balance(gradients @ gradients.T, np.array([1.0, 0.0]), np.array([True, False]))
    assert ignored.multipliers_K == pytest.approx([0.0, 0.0])


def test_nothing_and_zero_gradients_are_left_as_they_are():
    assert balance(np.zeros((0, 0)), np.zeros(0)).coefficients_K.shape == (0,)
    assert balance(np.zeros((2, 2)), np.array([0.5, 0.5])).coefficients_K == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("gram", "weights"),
    [(np.eye(2), np.ones(3)), (np.full((1, 1), np.nan), np.ones(1)), (np.eye(1), np.array([-1.0])), (np.eye(1), np.array([np.inf]))],
)
def test_malformed_input_is_refused(gram, weights):
    with pytest.raises(TrainingError, match=r"fit|finite|negative"):
        balance(gram, weights)


@settings(max_examples=80, deadline=None)
@given(objectives())
def test_the_min_norm_point_satisfies_its_optimality_condition(case):
    gradients = case[0] / max(np.linalg.norm(case[0], axis=1).max(), 1e-300)
    gram = gradients @ gradients.T
    c = min_norm_weights(gram)
    assert (c >= 0.0).all()
    assert c.sum() == pytest.approx(1.0)
    point = c @ gradients
    assert (gradients @ point >= point @ point - 1e-6).all()


def test_conflict_rate_counts_pairs_and_ignores_objectives_without_gradient():
    gradients = np.array([[1.0, 0.0], [-1.0, 0.1], [1.0, 1.0], [0.0, 0.0]])
    matrix = cosines(gradients @ gradients.T)
    assert np.isnan(matrix[3]).all()
    assert conflict_rate(matrix) == pytest.approx(2 / 3)
    assert conflict_rate(np.ones((1, 1))) == 0.0
