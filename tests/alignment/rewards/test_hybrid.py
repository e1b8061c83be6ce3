"""The rules decide the band, models order within it: in the advantages that training uses, and in what a run is given."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alignment.grpo.advantages import bands, component_advantages, group_advantages, plain_advantages, whitened_advantages
from alignment.grpo.batch import Batch
from alignment.grpo.objectives import objectives_of
from alignment.grpo.passes import Pass, weighted_passes
from alignment.grpo.strategies import STRATEGIES, strategy_named
from alignment.recipe import load_recipe
from alignment.rewards import MODEL_COMPONENTS, Band, ComponentScorer, banded_advantages
from alignment.rewards.hybrid import reward_models
from alignment.rewards.judge import JudgeCard
from core.artifacts import verify_artifact
from core.types import Capability, Item, Message, Provenance, Reference, Score, TrainingSample
from tests.alignment.rewards.conftest import judgement
from tests.alignment.rewards.test_judge import bribable, fair
from tests.scripted_endpoint import serving

RULES = ("correctness", "format", "safety", "right")
COMPONENTS = (*RULES, *MODEL_COMPONENTS)
WEIGHTS = {"correctness": 1.0, "format": 0.5, "safety": 1.0, "right": 0.0}
VALUE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), st.floats(0.0, 1.0))
GROUPS = st.integers(2, 8).flatmap(lambda g: arrays(np.float64, (g, len(COMPONENTS)), elements=VALUE))
RELIABILITY = st.floats(0.0, 1.0)


def orders(advantages, worth):
    """Pairs (lower band, higher band) that the advantages put in the bands' order, strictly."""
    return {(i, j) for i in range(len(worth)) for j in range(len(worth)) if worth[i] < worth[j] and advantages[i] < advantages[j]}


def equals(advantages, worth):
    return {(i, j) for i in range(len(worth)) for j in range(len(worth)) if worth[i] < worth[j] and advantages[i] == advantages[j]}


def scored(values):
    return ~np.isnan(values).all(axis=1)


@settings(max_examples=200)
@given(GROUPS, RELIABILITY, RELIABILITY)
def test_no_model_lifts_a_wrong_or_unsafe_reply_to_a_right_and_safe_one(values, preference, judge):
    advantages = group_advantages(values, COMPONENTS, WEIGHTS | {"preference": preference, "judge": judge})
    worth, known = bands(values, COMPONENTS), scored(values)
    if known.sum() < 2:
        assert not advantages.any()
        return
    right, lower = (known & (worth == Band.RIGHT)), (known & (worth < Band.RIGHT))
    if right.any() and lower.any():
        assert advantages[lower].max() < advantages[right].min()


@settings(max_examples=200)
@given(GROUPS, st.lists(st.floats(0.0, 5.0), min_size=len(COMPONENTS), max_size=len(COMPONENTS)))
def test_whatever_weights_a_strategy_finds_models_take_nothing_from_the_order_of_the_bands(values, coefficients):
    """Strategies weigh each component's column by itself: its base weight and a multiplier, neither negative."""
    columns, worth = component_advantages(values, COMPONENTS), bands(values, COMPONENTS)
    weighed = columns * np.array(coefficients)
    rules, models = weighed[:, : len(RULES)].sum(axis=1), weighed[:, len(RULES) :].sum(axis=1)
    for i in range(len(worth)):
        for j in range(len(worth)):
            assert worth[i] >= worth[j] or models[i] <= models[j]
    assert orders(rules, worth) <= orders(rules + models, worth) | equals(rules + models, worth)


@settings(max_examples=150)
@given(GROUPS, RELIABILITY)
@pytest.mark.parametrize("of", [plain_advantages, lambda v, c, w: whitened_advantages(v[None], c, [w])[0]], ids=["sum", "gdpo"])
def test_the_baselines_too_keep_what_the_rules_order(of, values, reliability):
    values = values[scored(values[:, : len(RULES)])]
    if len(values) < 2:
        return
    without = of(values[:, : len(RULES)], RULES, WEIGHTS)
    advantages = of(values, COMPONENTS, WEIGHTS | dict.fromkeys(MODEL_COMPONENTS, reliability))
    worth = bands(values, COMPONENTS)
    assert orders(without, worth) <= orders(advantages, worth) | equals(np.round(advantages, 9), worth)


SAMPLE = TrainingSample(
    messages=(Message(role="user", content="What of z?"),),
    capability=Capability.DOMAIN,
    family="test",
    reference=Reference(kind="refusal"),
    provenance=Provenance(source="mkgsg", generator="test", recipe_hash="0"),
)
KEEP_ORDER = sorted(STRATEGIES.keys() - {"pcgrad"})
"""PCGrad, a baseline, subtracts gradients from each other, and so can turn any component around, the rules' too."""


@settings(max_examples=40)
@given(GROUPS, RELIABILITY, st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("kind", ["capability", "component"])
@pytest.mark.parametrize("name", KEEP_ORDER)
def test_the_advantages_of_a_step_keep_the_bands_under_every_strategy(name, kind, values, reliability, seed):
    """From raw components to the one number that multiplies a reply's gradient, as the trainer goes."""
    strategy, generator = strategy_named(name), np.random.default_rng(seed)
    weights = WEIGHTS | dict.fromkeys(MODEL_COMPONENTS, reliability)
    objectives = objectives_of([SAMPLE], kind if strategy.advantages == "components" else "capability", lambda _: weights)
    batch = Batch(values, [SAMPLE], objectives, COMPONENTS, lambda _: weights, strategy.advantages)
    if not batch.live_K.any():
        return
    gradients = generator.standard_normal((len(batch.objectives), 6))
    base = np.array([1.0 if o.component is None else weights[o.component] for o in batch.objectives])
    coefficients = strategy.combine(gradients @ gradients.T, base / base.sum(), batch.live_K, np.random.default_rng(seed)).coefficients_K
    assert (coefficients >= 0.0).all()
    opinions = np.array([o.component in MODEL_COMPONENTS for o in batch.objectives])
    worth = bands(values, COMPONENTS)
    models = batch.advantages_NK[:, opinions] @ coefficients[opinions]
    final = batch.advantages_NK @ coefficients
    without = final - models
    for i in range(len(worth)):
        for j in range(len(worth)):
            assert worth[i] >= worth[j] or models[i] <= models[j]
            assert worth[i] >= worth[j] or without[i] > without[j] - 1e-9 or final[i] <= final[j]


def step_of(values, name, kind, weights=WEIGHTS, coefficients=None):
    """The batch of one group and what multiplies each reply's gradient in the one backward pass."""
    kind = kind if strategy_named(name).advantages == "components" else "capability"
    components = COMPONENTS[: values.shape[1]]
    batch = Batch(values, [SAMPLE], objectives_of([SAMPLE], kind, lambda _: weights), components, lambda _: weights, strategy_named(name).advantages)
    by_component = {o.name: weights.get(o.component, 1.0) for o in batch.objectives}
    coefficients_K = np.array([by_component[n] if coefficients is None else coefficients[i] for i, n in enumerate(batch.names)])
    whole = [Pass("domain", np.arange(len(values)), np.arange(len(values)), len(values))]
    return batch, weighted_passes(batch, coefficients_K, lambda part, chosen: whole)[0].advantages_N


@settings(max_examples=300)
@given(GROUPS, RELIABILITY, st.lists(st.floats(1e-3, 5.0), min_size=len(COMPONENTS), max_size=len(COMPONENTS)))
@pytest.mark.parametrize("kind", ["capability", "component"])
def test_in_balanced_no_reply_outscores_one_of_a_higher_band(kind, values, reliability, coefficients):
    _, final = step_of(values, "balanced", kind, WEIGHTS | dict.fromkeys(MODEL_COMPONENTS, reliability), coefficients)
    worth, known = bands(values, COMPONENTS), scored(values)
    for i in np.flatnonzero(known):
        for j in np.flatnonzero(known):
            assert worth[i] >= worth[j] or final[i] < final[j] or not final.any()


@settings(max_examples=200)
@given(GROUPS, st.lists(st.floats(1e-3, 5.0), min_size=len(COMPONENTS), max_size=len(COMPONENTS)))
def test_bands_change_neither_the_mean_nor_the_size_of_what_components_say(values, coefficients):
    values = values[scored(values[:, : len(RULES)])][:, : len(RULES)]
    if len(values) < 2:
        return
    batch, final = step_of(values, "balanced", "component", WEIGHTS, coefficients)
    said = batch.advantages_NK @ np.array(coefficients)[: len(batch.names)]
    assert final.mean() == pytest.approx(0.0, abs=1e-9)
    assert final.std() == pytest.approx(said.std(), abs=1e-5)


UNSAFE_AND_RIGHT = np.array([[1.0, 1.0, 0.0, 1.0]] * 2 + [[0.0, 0.0, 1.0, 0.0]] * 2)
"""Two replies that are right and in form and harm, two that are wrong, out of form and safe."""


@pytest.mark.parametrize(
    ("name", "kind", "keeps"), [("balanced", "capability", True), ("balanced", "component", True), ("sum", "capability", False), ("gdpo", "capability", False)]
)
def test_the_baselines_as_published_keep_no_bands_and_ours_does(name, kind, keeps):
    _, final = step_of(UNSAFE_AND_RIGHT, name, kind)
    assert bool(final[:2].max() < final[2:].min()) is keeps
    assert bool(final[:2].min() > final[2:].max()) is not keeps


@settings(max_examples=150)
@given(arrays(np.float64, 6, elements=st.floats(0.0, 1.0)), arrays(np.int64, 6, elements=st.integers(0, 2)))
def test_a_model_orders_the_replies_of_one_band_as_it_likes_them(values, worth):
    values = np.round(values, 3)
    advantages = banded_advantages(values, worth)
    assert advantages.mean() == pytest.approx(0.0, abs=1e-9)
    for i in range(6):
        for j in range(6):
            if worth[i] == worth[j] and advantages.any():
                assert (values[i] < values[j]) == (advantages[i] < advantages[j])
            assert worth[i] >= worth[j] or advantages[i] < advantages[j] or not advantages.any()


def test_a_model_that_tells_no_two_replies_of_a_band_apart_says_nothing():
    assert not banded_advantages(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1, 1, 2, 2])).any()
    assert not banded_advantages(np.full(4, np.nan), np.array([0, 1, 2, 2])).any()


def test_what_a_model_could_not_score_is_in_the_middle_of_its_band():
    low, unscored, high, wrong = banded_advantages(np.array([0.1, np.nan, 0.9, 1.0]), np.array([2, 2, 2, 1]))
    assert wrong < low < unscored < high
    assert unscored == pytest.approx((low + high) / 2)


# --- the models of a run ---------------------------------------------------------------------------------------------

ITEM = Item(messages=(Message(role="user", content="What of z?"),), capability=Capability.DOMAIN, family="test", reference=Reference(kind="refusal"))
RECIPE = load_recipe("test").model_copy(update={"learning_rate": 1e-2})


def opened(recipe, judgements, base, tmp_path, is_stopped=lambda: False, **more):
    kept = tmp_path / "kept"
    kept.mkdir(exist_ok=True)
    adapter = tmp_path / "checkpoints" / "cp-1"
    return reward_models(recipe, judgements, base_model=str(base), base_name="tiny", adapter=adapter, kept=kept, is_stopped=is_stopped, **more)


def test_a_recipe_that_asks_for_no_model_gets_none(judgements, tiny_model, tmp_path):
    with opened(RECIPE, judgements, tiny_model, tmp_path) as models:
        assert models == ((), {})
    assert not (tmp_path / "checkpoints").exists()


def test_both_models_are_made_measured_and_weighed(judgements, tiny_model, tmp_path):
    with serving(fair) as script:
        recipe = RECIPE.model_copy(update={"preference": True, "judge_url": script.url, "judge_model": "judge-1"})
        with opened(recipe, judgements, tiny_model, tmp_path) as (models, left_out):
            assert left_out == {}
            assert [m.name for m in models] == list(MODEL_COMPONENTS)
            scorer = ComponentScorer(lambda item, reply: {"safety": Score(name="safety", value=1.0)}, models)
            for model, name in zip(models, MODEL_COMPONENTS, strict=True):
                assert 0.7 < model.weights[Capability.DOMAIN] < 0.75
                assert model.weights[Capability.SAFETY] == 0.0
                good, bad = scorer.values([(ITEM, "yes yes yes"), (ITEM, "no no no")], name)
                assert good > bad
            other = ITEM.model_copy(update={"capability": Capability.SAFETY})
            asked = len(script.requests)
            assert scorer.values([(other, "yes"), (ITEM, "yes yes yes")], "judge") == [None, 0.8]
            assert len(script.requests) == asked  # weight 0: not asked; known: not asked again
    verify_artifact(tmp_path / "checkpoints" / "cp-1-preference")
    card = JudgeCard.model_validate_json((tmp_path / "checkpoints" / "cp-1-judge.json").read_text())
    assert (card.model, card.reliability[Capability.DOMAIN].questions, card.rise) == ("judge-1", 20, 0.0)


def test_models_without_shown_worth_are_left_out_with_a_reason_and_a_warning(tiny_model, tmp_path, capsys):
    few = [judgement(i) for i in range(4)]
    unproven = "not shown to order replies better than chance on held-out judgements of any capability"
    with serving(fair) as script:
        recipe = RECIPE.model_copy(update={"preference": True, "judge_url": script.url, "judge_model": "judge-1"})
        for judgements, reason in (((), "no judgements to learn from"), (few, unproven)):
            with opened(recipe, judgements, tiny_model, tmp_path) as models:
                assert models == ((), {"preference": reason, "judge": unproven})
            assert capsys.readouterr().out.count("reward model left out") == 2


def test_a_judge_that_obeys_is_left_out_for_that(judgements, tiny_model, tmp_path):
    with serving(bribable) as script:
        recipe = RECIPE.model_copy(update={"judge_url": script.url, "judge_model": "judge-1"})
        with opened(recipe, judgements, tiny_model, tmp_path) as models:
            assert models == ((), {"judge": "gives more to replies that tell it to"})


def test_a_process_that_is_not_main_weighs_the_judge_by_mains_card(judgements, tiny_model, tmp_path):
    with serving(fair) as script:
        recipe = RECIPE.model_copy(update={"judge_url": script.url, "judge_model": "judge-1"})
        with opened(recipe, judgements, tiny_model, tmp_path) as (models, _):
            weights = models[0].weights
        asked = len(script.requests)
        with opened(recipe, judgements, tiny_model, tmp_path, main_first=lambda: nullcontext(False)) as (models, _):
            assert models[0].weights == weights
        assert len(script.requests) == asked


@pytest.mark.parametrize("steps", [(), ("step-000010",)], ids=["before a step", "after ten"])
def test_a_run_that_goes_on_weighs_its_judge_as_it_began(judgements, tiny_model, tmp_path, steps):
    away = True
    with serving(lambda messages, number: 500 if away else fair(messages, number)) as script:
        recipe = RECIPE.model_copy(update={"judge_url": script.url, "judge_model": "judge-1"})
        with opened(recipe, judgements, tiny_model, tmp_path) as (models, left_out):
            assert (models, set(left_out)) == ((), {"judge"})
        for name in steps:
            (tmp_path / "kept" / name).mkdir()
        away = False
        with opened(recipe, judgements, tiny_model, tmp_path) as (models, left_out):
            assert ([m.name for m in models], set(left_out)) == (([], {"judge"}) if steps else (["judge"], set()))


def test_a_stop_makes_no_models(judgements, tiny_model, tmp_path):
    with serving(fair) as script:
        recipe = RECIPE.model_copy(update={"preference": True, "judge_url": script.url, "judge_model": "judge-1"})
        with opened(recipe, judgements, tiny_model, tmp_path, is_stopped=lambda: True) as models:
            assert models == ((), {})
        assert script.requests == []
