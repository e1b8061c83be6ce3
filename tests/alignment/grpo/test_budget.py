import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.grpo.budget import MOST, KlBudget, budget_for, step
from core.errors import TrainingError

BETA, BUDGET, RATE = 0.02, 0.05, 0.1
_KL = st.one_of(st.none(), st.just(float("nan")), st.just(float("inf")), st.floats(0.0, 1e6))


def after(spent, names=("a",)):
    state = budget_for(names)
    for kl in spent:
        state = step(state, kl, BUDGET, RATE)
    return state


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": _KL, "b": _KL}), max_size=80), st.integers(0, 80))
def test_beta_stays_in_its_range_and_a_resumed_run_has_it_to_the_bit(spent, at):
    state = after(spent, ("a", "b"))
    for beta in state.betas(BETA).values():
        assert BETA <= beta <= MOST * BETA * (1 + 1e-12)
    resumed = KlBudget.model_validate(json.loads(json.dumps(after(spent[:at], ("a", "b")).model_dump(mode="json"))))
    for kl in spent[at:]:
        resumed = step(resumed, kl, BUDGET, RATE)
    assert resumed == state


def test_beta_rises_for_the_one_that_overdraws_alone():
    betas = after([{"a": 2 * BUDGET, "b": BUDGET / 2}] * 5, ("a", "b")).betas(BETA)
    assert betas["a"] > 1.5 * BETA
    assert betas["b"] == BETA


def test_beta_falls_back_to_the_recipes():
    assert after([{"a": 3 * BUDGET}] * 10 + [{"a": 0.0}] * 40).betas(BETA)["a"] == BETA


def test_a_drift_that_beta_holds_back_ends_at_the_budget():
    state = budget_for(["a"])
    for _ in range(400):
        spent = 0.3 * BETA / state.betas(BETA)["a"]
        state = step(state, {"a": spent}, BUDGET, RATE)
    assert spent == pytest.approx(BUDGET, rel=1e-3)


def test_an_outlier_counts_as_thrice_the_budget():
    assert after([{"a": 1e6}]) == after([{"a": 3 * BUDGET}])


def test_beta_stops_at_a_hundred_times_the_recipes():
    assert after([{"a": 1e6}] * 100).betas(BETA)["a"] == pytest.approx(100 * BETA)


def test_what_was_not_measured_stays():
    raised = after([{"a": 3 * BUDGET}])
    for kl in ({}, {"a": None}, {"a": float("nan")}, {"a": float("inf")}):
        assert step(raised, kl, BUDGET, RATE) == raised


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_a_budget_must_be_positive(budget):
    with pytest.raises(TrainingError, match="positive"):
        step(budget_for(["a"]), {}, budget, RATE)
