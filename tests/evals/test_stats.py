"""The paired test where its answer is known, and how often it is wrong where nothing is there to be found."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlogy
from scipy.stats import binomtest, t
from statsmodels.stats.contingency_tables import mcnemar

from core.types import Capability
from evals.decision import GatePolicy
from evals.stats import Pair, compare, holm, more_cautious, p_better, rate_upper_bound


def policy(margin: float = 0.1, alpha: float = 0.05, resamples: int = 9999) -> GatePolicy:
    return GatePolicy(
        suite="s", margin=margin, alpha=alpha, min_power=0.8, min_coverage=0.9, critical_findings="none", max_latency_ratio=2,
        required=(Capability.DOMAIN,), resamples=resamples,
    )  # fmt: skip


def pairs(differences: Sequence[float], clusters: Sequence[str] | None = None) -> list[Pair]:
    names = clusters or [f"c{n}" for n in range(len(differences))]
    return [Pair(c, max(-d, 0.0), max(d, 0.0)) for c, d in zip(names, differences, strict=True)]


def table(losses: int, gains: int, items: int) -> list[Pair]:
    return pairs([-1.0] * losses + [1.0] * gains + [0.0] * (items - losses - gains))


def likeliest_variance(losses: int, gains: int, items: int, change: float) -> float:
    """Of one difference, at the probabilities that make the counts likeliest among those with gain less loss = `change`; found by search."""

    def unlikelihood(gain: float) -> float:
        p = np.array([gain - change, gain, 1.0 - 2.0 * gain + change])
        return -float(xlogy([losses, gains, items - losses - gains], np.clip(p, 0.0, 1.0)).sum())

    found = minimize_scalar(unlikelihood, bounds=(max(change, 0.0), (1.0 + change) / 2.0), method="bounded", options={"xatol": 1e-12})
    return float(2.0 * found.x - change - change**2)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(5, 150))
def test_the_bounds_are_where_the_score_test_turns(losses: int, gains: int, same: int) -> None:
    items = losses + gains + same
    found, quantile = compare(table(losses, gains, items), policy()), t.ppf(0.95, losses + gains + same - 1)
    for bound in (found.low, found.high):
        error = np.sqrt(likeliest_variance(losses, gains, items, bound) / items)
        assert abs(found.estimate - bound) == pytest.approx(quantile * error, abs=1e-4)


def test_without_a_discordant_item_the_interval_is_wilsons_of_a_share_of_zero() -> None:
    found, square = compare(table(0, 0, 50), policy()), t.ppf(0.95, 49) ** 2
    assert (found.low, found.high) == pytest.approx((-square / (50 + square), square / (50 + square)))


@pytest.mark.parametrize("margin", [0.05, 0.08, 0.2])
def test_the_interval_is_the_test_turned_round(margin: float) -> None:
    for losses in range(0, 30, 3):
        for gains in (0, 2, 11):
            found = compare(table(losses, gains, 120), policy(margin))
            assert (found.low > -margin) == (found.p_inferior < 0.05)


def test_a_candidate_that_only_loses_is_tested_with_the_variance_that_its_loss_would_have() -> None:
    """Of 200 items a loss of 8 % is 16 lost; 9 or fewer happen in 4 % of exams, 10 or fewer in 8 %: the exact bound is between them."""
    assert binomtest(9, 200, 0.08, alternative="less").pvalue < 0.05 < binomtest(10, 200, 0.08, alternative="less").pvalue
    assert compare(table(9, 0, 200), policy(0.08)).low > -0.08
    assert compare(table(10, 0, 200), policy(0.08)).low < -0.08


def test_items_of_one_cluster_stand_or_fall_together() -> None:
    alone = compare(pairs([1.0, 1.0, -1.0, -1.0] * 10), policy())
    together = compare(pairs([1.0, 1.0, -1.0, -1.0] * 10, [f"c{n // 2}" for n in range(40)]), policy())
    assert together.estimate == alone.estimate == 0.0
    assert together.high / t.ppf(0.95, 19) == pytest.approx(2**0.5 * alone.high / t.ppf(0.95, 39), rel=0.05)
    assert together.clusters == 20


@pytest.mark.parametrize(("sizes", "worth"), [([10] * 10 + [1] * 100, 12), ([1] * 38 + [2] * 85 + [3] * 4, 99), ([2] * 7, 7), ([60] + [1] * 140, 1)])
def test_a_few_large_cases_among_many_small_count_as_few(sizes: list[int], worth: int) -> None:
    """They make most of the variance, of which so few do not show enough."""
    names = [f"c{n}" for n, size in enumerate(sizes) for _ in range(size)]
    assert compare(pairs([0.0] * len(names), names), policy()).clusters == worth


def test_partial_credit_is_not_taken_for_certainty() -> None:
    """A little that is lost on one item does not say that a loss of the margin would be of little things; nothing that is lost did not either."""
    unchanged, a_little_lost = compare(pairs([0.0] * 40), policy(0.08)), compare(pairs([-0.1] + [0.0] * 39), policy(0.08))
    assert a_little_lost.low <= unchanged.low
    assert a_little_lost.p_inferior >= unchanged.p_inferior


def test_of_two_readings_what_speaks_against_the_candidate_counts() -> None:
    good, bad = compare(table(2, 9, 100), policy()), compare(table(9, 2, 100), policy())
    both = more_cautious(good, bad)
    assert (both.low, both.high) == (bad.low, good.high)
    assert (both.p_inferior, both.power) == (bad.p_inferior, min(good.power, bad.power))


def test_a_model_against_itself_is_neither_better_nor_worse() -> None:
    same = [Pair(f"c{n}", n % 2, n % 2) for n in range(50)]
    found = compare(same, policy())
    assert found.estimate == 0.0
    assert found.low == pytest.approx(-found.high)
    assert 0.0 < found.high < 0.06  # fifty items without a difference do not say that there is none
    assert (found.power, p_better(same, policy())) == (1.0, 1.0)


def test_one_cluster_allows_no_statement() -> None:
    found = compare(pairs([1.0, 1.0, 1.0], ["same"] * 3), policy())
    assert (found.estimate, found.low, found.high, found.p_inferior, found.power) == (1.0, -1.0, 1.0, 1.0, 0.0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 12)), min_size=2, max_size=40))
def test_the_interval_holds_the_estimate(drawn: list[tuple[float, int]]) -> None:
    found = compare(pairs([d for d, _ in drawn], [str(c) for _, c in drawn]), policy())
    assert -1 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1
    assert 0 <= found.p_inferior <= 1
    assert 0 <= found.power <= 1
    assert 0 < found.detectable_loss <= 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.sampled_from([0.05, 0.1, 0.2]))
def test_one_item_more_that_is_lost_never_helps(losses: int, gains: int, same: int, margin: float) -> None:
    """Whether it was the same on both sides before, or gained."""
    items = losses + gains + same + 2
    before = compare(table(losses, gains + 1, items), policy(margin))
    for after in (compare(table(losses + 1, gains, items), policy(margin)), compare(table(losses + 1, gains + 1, items), policy(margin))):
        assert after.low <= before.low + 1e-9
        assert after.p_inferior >= before.p_inferior - 1e-9


def test_better_is_exact_mcnemar_where_items_stand_alone() -> None:
    found = p_better(table(4, 15, 100), policy())
    assert found == pytest.approx(mcnemar([[40, 4], [15, 41]], exact=True).pvalue / 2)


def test_better_flips_the_signs_of_clusters_and_the_seed_decides_it() -> None:
    """Three clusters, all for the candidate: one assignment of signs in eight is as good."""
    clustered = pairs([1.0, 1.0, 0.5, 0.5, 1.0, 0.0], ["a", "a", "b", "b", "c", "c"])
    assert p_better(clustered, policy()) == pytest.approx(1 / 8)
    assert p_better(pairs([1.0, 0.0, 0.0], ["a", "a", "b"]), policy()) == pytest.approx(1 / 2)
    rng = np.random.default_rng(1)
    many = pairs(rng.choice([-1.0, 0.0, 1.0], 300).tolist(), [f"c{n // 3}" for n in range(300)])
    assert p_better(many, policy()) == p_better(many, policy())


def error_rates(shift: float, margin: float, exams: int = 400, items: int = 120) -> tuple[float, float]:
    """How often (better is claimed, not worse is claimed) at 5 % each, over simulated exams of two models that are 70 % right."""
    rng = np.random.default_rng(0)
    better = passed = 0
    for _ in range(exams):
        old, new = rng.random(items) < 0.7, rng.random(items) < 0.7 - shift
        drawn = [Pair(str(n), float(a), float(b)) for n, (a, b) in enumerate(zip(old, new, strict=True))]
        better += p_better(drawn, policy()) <= 0.05
        passed += compare(drawn, policy(margin)).low > -margin
    return better / exams, passed / exams


def test_identical_models_are_called_better_in_at_most_one_exam_of_twenty() -> None:
    better, passed = error_rates(shift=0.0, margin=0.17)
    assert 0.01 <= better <= 0.06
    assert passed > 0.8  # the power that a margin of 17 points has here


def test_a_model_that_is_worse_by_the_margin_passes_in_about_one_exam_of_twenty() -> None:
    better, passed = error_rates(shift=0.17, margin=0.17)
    assert 0.02 <= passed <= 0.08
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
