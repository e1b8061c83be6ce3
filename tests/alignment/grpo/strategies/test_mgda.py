import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import minimize

from alignment.grpo.strategies.mgda import combine
from tests.alignment.grpo.gradients import BEYOND, objectives, random_cases


def result_of(gradients, weights, constrained=None):
    constrained = np.ones(len(gradients), dtype=bool) if constrained is None else constrained
    return combine(gradients @ gradients.T, weights, constrained, np.random.default_rng(0))


@settings(max_examples=120, deadline=None)
@given(objectives())
def test_it_is_the_shortest_vector_of_the_hull(case):
    gradients, weights = case
    live = np.linalg.norm(gradients, axis=1) > 0.0
    hull = result_of(gradients, weights).coefficients_K / weights.sum() if live.any() and weights.sum() else None
    if hull is not None:
        point, scale = hull @ gradients, np.max(np.sum(gradients**2, axis=1))
        assert (hull >= 0.0).all()
        assert hull.sum() == pytest.approx(1.0)
        # a point of a convex set is the nearest to zero exactly if no other point is nearer in its direction
        assert (gradients[live] @ point >= point @ point - 1e-6 * scale).all()


def test_the_length_agrees_with_scipy_over_the_simplex():
    for case in random_cases(80, seed=3):
        if case.kind in (BEYOND, "lengths"):
            continue  # scipy itself does not converge there
        gram, weights = case.gram_KK, np.full(len(case.weights_K), 1.0 / len(case.weights_K))
        found = result_of(case.gradients_KD, weights).coefficients_K
        reference = minimize(
            lambda b, gram=gram: b @ gram @ b,
            weights,
            jac=lambda b, gram=gram: 2 * gram @ b,
            bounds=[(0.0, 1.0)] * len(weights),
            constraints={"type": "eq", "fun": lambda b: b.sum() - 1.0, "jac": np.ones_like},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert found @ gram @ found <= reference.fun + 1e-8 * np.max(np.diag(gram))


@pytest.mark.parametrize("cosine", [-0.9, -0.3, 0.0, 0.4, 0.9])
@pytest.mark.parametrize("length", [0.2, 1.0, 3.0])
def test_of_two_it_has_the_papers_closed_form(cosine, length):
    gradients = np.array([[1.0, 0.0], [length * cosine, length * np.sqrt(1 - cosine**2)]])
    difference = gradients[1] - gradients[0]
    first = np.clip(difference @ gradients[1] / (difference @ difference), 0.0, 1.0)
    assert result_of(gradients, np.array([0.5, 0.5])).coefficients_K == pytest.approx([first, 1.0 - first])


@settings(max_examples=60, deadline=None)
@given(objectives())
def test_it_opposes_no_objective(case):
    gradients, weights = case
    step, lengths = result_of(gradients, weights).coefficients_K @ gradients, np.linalg.norm(gradients, axis=1)
    assert (gradients @ step >= -1e-6 * max(lengths.max(), 1e-300) ** 2 * weights.sum()).all()


def test_at_a_pareto_stationary_point_it_stands_still():
    gradients = np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert result_of(gradients, np.full(3, 1 / 3)).coefficients_K @ gradients == pytest.approx([0.0, 0.0], abs=1e-7)


def test_an_objective_without_gradient_does_not_stop_the_others():
    gradients = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert result_of(gradients, np.array([0.5, 0.5])).coefficients_K == pytest.approx([1.0, 0.0])
