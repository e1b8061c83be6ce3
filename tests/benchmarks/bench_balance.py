"""The balance of gradients: how long it takes, and how far it is from what general solvers find.

Random Gram matrices of 2 to 8 objectives: singular ones, repeats, gradients that oppose each other to within 1e-4 or exactly, lengths over
six orders of magnitude, anchors; apart from these, smaller angles, where rounding and the ridge cost accuracy. Objectives are compared in the unit
(sum_k w_k |g_k|)^2, constraints in |g_k| sum_j w_j |g_j|.
"""

import time
from collections.abc import Iterator

import numpy as np

from alignment.grpo.balance import balance
from alignment.grpo.strategies import STRATEGIES
from tests.alignment.grpo.gradients import BEYOND, KINDS, Case, random_cases
from tests.alignment.grpo.programme import Programme, programme_of
from tests.benchmarks.rows import Row

MATRICES, OBJECTIVES = 1000, 8
KEPT = tuple(kind for kind in KINDS if kind != BEYOND)


def rows() -> Iterator[Row]:
    cases = list(random_cases(MATRICES, kinds=KEPT))
    programmes = [programme_of(c) for c in cases]
    found = [_objective_and_violation(c, p) for c, p in zip(cases, programmes, strict=True)]
    for solver, best in (("cvxpy", [p.by_cvxpy() for p in programmes]), ("scipy SLSQP", [p.by_scipy() for p in programmes])):
        apart = max(abs(ours - theirs) for (ours, _), theirs in zip(found, best, strict=True))
        yield Row("balance", f"objective against {solver}, at most", apart, "", "<= 1e-6", apart <= 1e-6, f"{len(cases)} matrices")
    worst = max(missed for _, missed in found)
    yield Row("balance", "constraint missed, at most", worst, "", "<= 1e-8", worst <= 1e-8, f"{len(cases)} matrices")
    hidden = list(random_cases(MATRICES, kinds=(BEYOND,)))
    found = [_objective_and_violation(c, programme_of(c)) for c in hidden]
    apart = max(abs(ours - programme_of(c).by_scipy()) for c, (ours, _) in zip(hidden, found, strict=True))
    note = "angles of 1e-9 to 1e-4: rounding of the Gram matrix, and the ridge"
    yield Row("balance", "near-opposed: objective against scipy SLSQP, at most", apart, "", "<= 1e-6", apart <= 1e-6, note)
    yield Row("balance", "near-opposed: constraint missed, at most", (missed := max(missed for _, missed in found)), "", "<= 1e-8", missed <= 1e-8, note)
    largest = list(random_cases(2 * MATRICES, seed=1, least=OBJECTIVES, most=OBJECTIVES, kinds=KEPT))
    given = [(c.gram_KK, c.weights_K, c.constrained_K) for c in largest]
    for name, strategy in STRATEGIES.items():
        if strategy.gradients == "none" or name == "balanced":
            continue
        rng = np.random.default_rng(0)
        spent_ms = _spent_ms(lambda g, s=strategy, r=rng: s.combine(*g, r), given)
        mean, most = float(np.mean(spent_ms)), float(np.quantile(spent_ms, 0.99))
        label = "exact, balanced" if name == "exact" else name
        yield Row("balance", f"{label}: {OBJECTIVES} objectives", mean, "ms", "< 1", mean < 1.0, f"p99 {most:.2f} ms, processor time")
    for solver in ("by_cvxpy", "by_scipy"):
        spent_ms = _spent_ms(lambda p, s=solver: getattr(p, s)(), [programme_of(c) for c in largest[:300]])
        yield Row("balance", f"{solver.removeprefix('by_')}: {OBJECTIVES} objectives", float(np.mean(spent_ms)), "ms", note="in vectors of 12 dimensions")


def _objective_and_violation(case: Case, programme: Programme) -> tuple[float, float]:
    step = balance(case.gram_KK, case.weights_K, case.constrained_K).coefficients_K @ case.gradients_KD / programme.unit
    return float(np.sum((step - programme.target_D) ** 2)), float(-np.min(programme.bounds_CD @ step, initial=0.0))


def _spent_ms(work, items) -> list[float]:
    spent = []
    for item in items:
        start = time.process_time()
        work(item)
        spent.append(1000.0 * (time.process_time() - start))
    return spent
