"""The quadratic programme in vectors, as two general solvers state it: what the balance is compared with."""

from functools import cache
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
from scipy.optimize import minimize

from tests.alignment.grpo.gradients import Case

MOST = 8
"""Objectives; a smaller programme is filled up with constraints that hold always, and strictly: an interior point method needs room."""


class Programme(NamedTuple):
    """min |d - target|^2 subject to bounds @ d >= 0, in the unit sum_k w_k |g_k|, with bounds of length 1."""

    target_D: np.ndarray
    bounds_CD: np.ndarray
    unit: float

    def by_cvxpy(self) -> float:
        problem, target, bounds, room = _stated(len(self.target_D))
        filled = MOST - len(self.bounds_CD)
        target.value = self.target_D
        bounds.value = np.vstack([self.bounds_CD, np.zeros((filled, len(self.target_D)))])
        room.value = np.append(np.zeros(len(self.bounds_CD)), np.ones(filled))
        return float(problem.solve(solver=cp.CLARABEL))

    def by_scipy(self) -> float:
        found = minimize(
            lambda d: np.sum((d - self.target_D) ** 2),
            np.zeros(len(self.target_D)),
            jac=lambda d: 2.0 * (d - self.target_D),
            constraints={"type": "ineq", "fun": lambda d: self.bounds_CD @ d, "jac": lambda d: self.bounds_CD},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 500},
        )
        return float(found.fun)


def programme_of(case: Case) -> Programme:
    """Of gradients that all have a length."""
    lengths = np.linalg.norm(case.gradients_KD, axis=1)
    unit = float(case.weights_K @ lengths)
    return Programme(case.weights_K @ case.gradients_KD / unit, (case.gradients_KD / lengths[:, None])[case.constrained_K], unit)


@cache
def _stated(dimensions: int) -> tuple[Any, ...]:
    d, target, bounds, room = cp.Variable(dimensions), cp.Parameter(dimensions), cp.Parameter((MOST, dimensions)), cp.Parameter(MOST)
    return cp.Problem(cp.Minimize(cp.sum_squares(d - target)), [bounds @ d + room >= 0]), target, bounds, room
