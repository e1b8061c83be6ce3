import json
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.grpo.weights import START, Weights, step, weights_from
from core.errors import TrainingError

RATE, PULL, FLOOR = 0.2, 0.1, 0.25
_REWARD = st.one_of(st.none(), st.just(float("nan")), st.floats(0.0, 1.0))


@st.composite
def runs(draw):
    """(rules, rewards of each step)."""
    names = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    rules = {name: draw(st.one_of(st.just(0.0), st.floats(0.01, 10.0))) for name in names}
    return rules, draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, _REWARD)), max_size=3 * START))


def after(rules, rewards, rate=RATE, pull=PULL):
    weights = weights_from(rules)
    for of_step in rewards:
        weights = step(weights, of_step, rate, pull)
    return weights


def from_levels(rules, start, then, steps=200, pull=PULL):
    return after(rules, [start] * START + [then] * steps, pull=pull)


@settings(max_examples=60, deadline=None)
@given(runs(), st.floats(0.0, 1.0))
def test_the_sum_stays_the_floor_holds_and_what_weighs_nothing_stays_at_nothing(run, floor):
    rules, rewards = run
    values = after(rules, rewards).values(floor)
    assert sum(values.values()) == pytest.approx(sum(rules.values()))
    for name, rule in rules.items():
        assert values[name] >= floor * rule * (1 - 1e-12)
        assert rule > 0.0 or values[name] == 0.0


@settings(max_examples=60, deadline=None)
@given(runs(), st.integers(0, 3 * START))
def test_a_resumed_run_has_the_same_weights_to_the_bit(run, at):
    rules, rewards = run
    resumed = Weights.model_validate(json.loads(json.dumps(after(rules, rewards[:at]).model_dump(mode="json"))))
    for of_step in rewards[at:]:
        resumed = step(resumed, of_step, RATE, PULL)
    assert resumed == after(rules, rewards)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_the_order_of_the_names_does_not_matter(run):
    rules, rewards = run
    turned = after(dict(reversed(rules.items())), rewards).values(FLOOR)
    assert turned == pytest.approx(after(rules, rewards).values(FLOOR))


def test_a_long_lag_tilts_as_far_as_rate_over_pull_says():
    values = from_levels({"a": 1.0, "b": 1.0}, {"a": 0.4, "b": 0.4}, {"a": 0.2, "b": 0.6}).values(floor=0.0)
    assert values["a"] / values["b"] == pytest.approx(exp(RATE / PULL * 0.4), rel=1e-3)


def test_what_fell_behind_gains_weight_and_what_leads_loses_it():
    rules = {"a": 3.0, "b": 1.0, "c": 1.0}
    values = from_levels(rules, dict.fromkeys(rules, 0.5), {"a": 0.5, "b": 0.7, "c": 0.4}).values(FLOOR)
    assert values["c"] > 1.0 > values["b"]


def test_equal_gains_leave_the_rules_weights():
    rules = {"a": 3.0, "b": 1.0}
    assert from_levels(rules, {"a": 0.2, "b": 0.5}, {"a": 0.4, "b": 0.7}).values(FLOOR) == pytest.approx(rules)


def test_what_has_nothing_left_to_gain_does_not_lag():
    weights = from_levels({"a": 1.0, "b": 1.0}, {"a": 0.98, "b": 0.2}, {"a": 0.98, "b": 0.8})
    assert weights.lags()["a"] == pytest.approx(0.02)
    assert weights.lags()["b"] == pytest.approx(-0.3, abs=1e-3)


def test_weights_return_to_the_rules_when_the_lag_is_gone():
    weights = from_levels({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 0.5}, {"a": 0.3, "b": 0.7})
    for _ in range(200):
        weights = step(weights, {"a": 0.7, "b": 0.7}, RATE, PULL)
    assert weights.values(FLOOR) == pytest.approx({"a": 1.0, "b": 1.0}, rel=1e-3)


def test_nothing_moves_before_enough_was_seen():
    weights = after({"a": 1.0, "b": 1.0}, [{"a": 1.0 - i / START, "b": i / START} for i in range(START)])
    assert weights.values(FLOOR) == {"a": 1.0, "b": 1.0}


def test_what_has_no_reward_in_a_step_keeps_its_mean():
    weights = after({"a": 1.0, "b": 1.0}, [{"a": 0.5, "b": 0.5}] * START)
    assert step(weights, {"b": 0.5}, RATE, PULL).of["a"] == weights.of["a"]
    assert step(weights, {"a": float("nan"), "b": 0.5}, RATE, PULL).of["a"] == weights.of["a"]


def test_what_was_never_seen_neither_lags_nor_counts_as_having_gained_nothing():
    steps = [{"a": 0.5, "b": 0.5}] * START + [{"a": 0.5, "b": 0.7}] * 5
    lags = after({"a": 1.0, "b": 1.0, "unseen": 1.0}, steps).lags()
    assert lags["unseen"] == 0.0
    assert lags["a"] == pytest.approx(-lags["b"])


def test_without_pull_a_lag_that_never_ends_does_not_overflow():
    values = after({"a": 1.0, "b": 1.0}, [{"a": 0.5, "b": 0.5}] * START + [{"a": 0.0, "b": 1.0}] * 400, rate=10.0, pull=0.0).values(FLOOR)
    assert values == pytest.approx({"a": 1.75, "b": 0.25})


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_a_rule_that_is_no_weight_is_refused(wrong):
    with pytest.raises(TrainingError, match="weight of b"):
        weights_from({"a": 1.0, "b": wrong})
