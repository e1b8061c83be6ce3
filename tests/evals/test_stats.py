"""The bootstrap where its distribution is known exactly, and how often it is wrong where nothing is there to be found."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from core.types import Capability
from evals.decision import GatePolicy
from evals.stats import Pair, compare, holm, rate_upper_bound


def policy(samples: int = 4000, margin: float = 0.1) -> GatePolicy:
    return GatePolicy(
        suite="s", margin=margin, alpha=0.05, min_power=0.8, min_coverage=0.9, critical_findings="none", max_latency_ratio=2,
        required=(Capability.DOMAIN,), bootstrap_samples=samples,
    )  # fmt: skip


def pairs(differences: list[float], clusters: list[str] | None = None) -> list[Pair]:
    names = clusters or [f"c{n}" for n in range(len(differences))]
    return [Pair(c, max(-d, 0.0), max(d, 0.0)) for c, d in zip(names, differences, strict=True)]


@pytest.mark.parametrize("differences", [[1.0, 0.0], [1.0, 0.0, -1.0], [1.0, 1.0, 0.0, -1.0], [0.5, -0.25, 0.0, 0.0]])
def test_every_resample_counted_gives_the_same_probabilities(differences: list[float]) -> None:
    means = [np.mean(draw) for draw in product(differences, repeat=len(differences))]
    found = compare(pairs(differences), policy(samples=20_000))
    assert found.estimate == pytest.approx(np.mean(differences))
    assert found.standard_error == pytest.approx(np.std(means), rel=0.03)
    assert found.p_better == pytest.approx(np.mean([m <= 1e-12 for m in means]), abs=0.015)
    assert found.p_inferior == pytest.approx(np.mean([m <= -0.1 for m in means]), abs=0.015)
    assert found.detectable_loss == pytest.approx((norm.ppf(0.95) + norm.ppf(0.8)) * found.standard_error)
    assert found.power == pytest.approx(norm.cdf(0.1 / found.standard_error - norm.ppf(0.95)))


def test_items_of_one_cluster_stand_or_fall_together() -> None:
    alone = compare(pairs([1.0, 1.0, -1.0, -1.0] * 10), policy())
    together = compare(pairs([1.0, 1.0, -1.0, -1.0] * 10, [f"c{n // 2}" for n in range(40)]), policy())
    assert together.estimate == alone.estimate == 0.0
    assert together.standard_error == pytest.approx(alone.standard_error * 2**0.5, rel=0.1)


def test_a_model_against_itself_is_neither_better_nor_worse() -> None:
    found = compare([Pair(f"c{n}", n % 2, n % 2) for n in range(50)], policy())
    assert (found.estimate, found.low, found.high, found.p_better, found.power) == (0.0, 0.0, 0.0, 1.0, 1.0)
    assert found.p_inferior < 0.001


def test_one_cluster_allows_no_statement() -> None:
    found = compare(pairs([1.0, 1.0, 1.0], ["same"] * 3), policy())
    assert (found.estimate, found.low, found.high, found.p_better, found.p_inferior, found.power) == (1.0, -1.0, 1.0, 1.0, 1.0, 0.0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_the_interval_holds_the_estimate_and_the_seed_decides_it(differences: list[float]) -> None:
    found = compare(pairs(differences), policy(samples=500))
    assert found == compare(pairs(differences), policy(samples=500))
    assert -1 <= found.low <= found.high <= 1
    assert 0 < found.p_better <= 1
    assert 0 < found.p_inferior <= 1


def error_rates(shift: float, margin: float, exams: int = 200, items: int = 120) -> tuple[float, float]:
    """How often (better is claimed, not worse is claimed) at 5 % each, over simulated exams of two models that are 70 % right."""
    rng = np.random.default_rng(0)
    better = passed = 0
    for _ in range(exams):
        old, new = rng.random(items) < 0.7, rng.random(items) < 0.7 - shift
        found = compare([Pair(str(n), float(a), float(b)) for n, (a, b) in enumerate(zip(old, new, strict=True))], policy(500, margin))
        better += found.p_better <= 0.05
        passed += found.low > -margin
    return better / exams, passed / exams


def test_identical_models_are_called_better_in_about_one_exam_of_twenty() -> None:
    better, passed = error_rates(shift=0.0, margin=0.17)
    assert 0.02 <= better <= 0.09
    assert passed > 0.8  # the power that a margin of 17 points has here


def test_a_model_that_is_worse_by_the_margin_passes_in_about_one_exam_of_twenty() -> None:
    better, passed = error_rates(shift=0.17, margin=0.17)
    assert 0.02 <= passed <= 0.09
    assert better < 0.01


def test_holm_against_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_bound_of_a_rate_against_exact_cases() -> None:
    assert rate_upper_bound(0, 100, 0.05) == pytest.approx(1 - 0.05 ** (1 / 100))  # the "rule of three"
    assert rate_upper_bound(0, 0, 0.05) == 1.0
    assert rate_upper_bound(5, 5, 0.05) == 1.0
    assert rate_upper_bound(1, 50, 0.05) > rate_upper_bound(0, 50, 0.05)
