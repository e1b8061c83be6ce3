import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from alignment.rewards.reliability import CONFIDENCE, Outcome, reliabilities, weights_of
from core.types import Capability


def measured(concordances, capability=Capability.DOMAIN):
    """Concordance per question: 1 right, 0 wrong, 0.5 a tie."""
    outcomes = [Outcome(capability, f"q{i}", float(k < round(10 * c)) if c != 0.5 else 0.5, 0.5) for i, c in enumerate(concordances) for k in range(10)]
    return reliabilities(outcomes)[capability]


def test_without_data_a_model_weighs_nothing():
    assert weights_of({}) == dict.fromkeys(Capability, 0.0)
    assert weights_of({Capability.SAFETY: measured([1.0] * 40, Capability.SAFETY)})[Capability.DOMAIN] == 0.0


@pytest.mark.parametrize(("right", "of"), [(3, 3), (10, 20), (0, 20), (14, 20)])
def test_what_may_be_chance_weighs_nothing(right, of):
    assert measured([1.0] * right + [0.0] * (of - right)).weight == 0.0


@pytest.mark.parametrize(("right", "of"), [(20, 20), (17, 20), (45, 60), (1, 3), (0, 7)])
def test_the_interval_of_whole_questions_is_the_exact_binomial_one(right, of):
    found = measured([1.0] * right + [0.0] * (of - right))
    exact = binomtest(right, of).proportion_ci(CONFIDENCE, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert found.weight == pytest.approx(max(0.0, 2 * exact.low - 1))


@given(st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0]), min_size=1, max_size=60))
def test_the_interval_holds_what_was_found_and_lies_in_the_unit_interval(values):
    found = measured(values)
    assert 0.0 <= found.low <= found.auc <= found.high <= 1.0
    assert 0.0 <= found.weight <= max(0.0, 2 * found.auc - 1)


def test_many_pairs_of_one_question_count_as_one():
    outcomes = [Outcome(Capability.DOMAIN, "same", 0.9, 0.1)] * 50
    found = reliabilities(outcomes)[Capability.DOMAIN]
    assert (found.questions, found.pairs, found.weight) == (1, 50, 0.0)


@given(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), min_size=1, max_size=40))
def test_a_question_that_is_neither_right_nor_wrong_counts_against_the_model_at_either_end(values):
    found, of = measured(values), len(values)
    down = binomtest(sum(v == 1.0 for v in values), of).proportion_ci(CONFIDENCE, "exact")
    up = binomtest(sum(v > 0.0 for v in values), of).proportion_ci(CONFIDENCE, "exact")
    assert (found.low, found.high) == pytest.approx((down.low, up.high))


def test_silence_counts_as_chance():
    outcomes = [Outcome(Capability.DOMAIN, f"q{i}", None if i % 2 else 0.9, 0.1) for i in range(40)]
    found = reliabilities(outcomes)[Capability.DOMAIN]
    assert (found.auc, found.unscored) == (0.75, 20)


@pytest.mark.parametrize("draw", [lambda g, n: g.random(n) < 0.7, lambda g, n: g.choice([0.0, 0.5, 1.0], n, p=[0.1, 0.4, 0.5]), lambda g, n: g.beta(2, 1, n)])
@pytest.mark.parametrize("questions", [6, 25])
def test_the_lower_end_is_above_the_truth_in_at_most_one_case_of_twenty(draw, questions):
    generator = np.random.default_rng(7)
    truth = float(np.mean(draw(generator, 200_000)))
    # A concordance in between is that of a question with several pairs: ten each.
    too_high = 0
    for _ in range(300):
        values = np.round(np.asarray(draw(generator, questions), dtype=float), 1)
        outcomes = [Outcome(Capability.DOMAIN, f"q{i}", float(k < round(10 * v)), 0.5) for i, v in enumerate(values) for k in range(10)]
        too_high += reliabilities(outcomes)[Capability.DOMAIN].low > truth
    assert too_high / 300 <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5
