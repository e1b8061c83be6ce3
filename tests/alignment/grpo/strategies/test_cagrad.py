import numpy as np
import pytest
from hypothesis import example, given, settings
from scipy.optimize import minimize

from alignment.grpo.strategies.cagrad import C, combine
from tests.alignment.grpo.gradients import BEYOND, objectives, random_cases


def result_of(gradients, weights):
    return combine(gradients @ gradients.T, weights, np.ones(len(gradients), dtype=bool), np.random.default_rng(0))


def dual(hull, gram, weights):
    """F of the paper: the smallest value over the simplex is what the worst objective gains at best."""
    plain = np.sqrt(max(weights @ gram @ weights, 0.0))
    return hull @ gram @ weights + C * plain * np.sqrt(max(hull @ gram @ hull, 0.0))


@settings(max_examples=120, deadline=None)
@given(objectives())
def test_what_the_worst_objective_gains_meets_the_dual_bound(case):
    gradients, weights = case
    lengths, result = np.linalg.norm(gradients, axis=1), result_of(gradients, weights)
    plain, step = weights @ gradients, result.coefficients_K @ gradients
    scale = weights @ lengths * lengths.max()
    if np.linalg.norm(plain) <= 1e-7 * (weights @ lengths) or not (extra := result.multipliers_K.clip(0.0)).sum():
        return  # without a plain step there is nothing to stay near to
    worst = (gradients[lengths > 0.0] @ step).min()
    # any point of the simplex bounds from above what any step can do for the worst objective, so meeting it proves both optimal
    assert worst >= dual(extra / extra.sum(), gradients @ gradients.T, weights) - 1e-6 * scale


@settings(max_examples=60, deadline=None)
@given(objectives())
@example((np.array([[0.0125, 0.0125, 0.0375], [-0.0125, -0.0124792711, -0.0375], [12.5, 12.5, 0.0]]), np.ones(3)))
def test_the_step_stays_within_c_of_the_plain_one(case):
    gradients, weights = case
    plain, step = weights @ gradients, result_of(gradients, weights).coefficients_K @ gradients
    assert np.linalg.norm(step - plain) <= C * np.linalg.norm(plain) * (1 + 1e-6) + 1e-7 * (weights @ np.linalg.norm(gradients, axis=1))


def test_the_dual_is_no_worse_than_what_scipy_finds_for_the_authors():
    for case in random_cases(80, seed=5):
        if case.kind in (BEYOND, "lengths"):
            continue  # scipy itself does not converge there
        gram, weights = case.gram_KK, case.weights_K
        found = result_of(case.gradients_KD, weights).multipliers_K
        reference = minimize(
            dual,
            np.full(len(weights), 1.0 / len(weights)),
            args=(gram, weights),
            bounds=[(0.0, 1.0)] * len(weights),
            constraints={"type": "eq", "fun": lambda b: b.sum() - 1.0},
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert dual(found / found.sum(), gram, weights) <= reference.fun + 1e-6 * np.max(np.diag(gram))


def test_where_zero_lies_in_the_hull_the_step_is_the_nearest_of_the_best():
    gradients = np.array([[0.0, 1.0], [0.0, -2.0], [5.0, 0.0]])
    weights = np.full(3, 1 / 3)
    # the first two leave only steps along the first axis; any length within reach gains nothing for them, the projection is the nearest
    assert result_of(gradients, weights).coefficients_K @ gradients == pytest.approx([5 / 3, 0.0], abs=1e-4)


def test_one_objective_goes_further_along_itself():
    assert result_of(np.array([[2.0, 0.0]]), np.array([0.7])).coefficients_K == pytest.approx([0.7 * (1 + C)])
