import resource
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from alignment.grpo.probe import Estimate, GramAverage
from alignment.grpo.strategies import STRATEGIES
from core.artifacts import verify_artifact
from core.errors import RecipeError, TrainingError
from core.types import Capability, Score
from tests.alignment.grpo.conftest import make_sample, vowel_score


class Record(TrainerCallback):
    """Each step's report and the gradient's norm as it was before clipping."""

    def __init__(self, trainer):
        self.trainer, self.steps = trainer, []
        trainer.add_callback(self)

    def on_log(self, args, state, control, logs=None, **_):
        if "grad_norm" in logs:
            self.steps.append({**self.trainer.report, "grad_norm": logs["grad_norm"]})


def adapter(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters() if p.requires_grad}


def gram_of(report):
    norms = np.array(list(report["gradient_norms"].values()))
    return np.array(report["cosines"], dtype=float) * np.outer(norms, norms)


def test_an_exact_step_opposes_no_objective_and_is_what_the_optimizer_gets(make_trainer):
    trainer = make_trainer(strategy="exact", objectives="component", score=opposed_score, steps=6, beta=0.0, max_grad_norm=1e9)
    record = Record(trainer)
    trainer.train()
    assert len(record.steps) == 6
    assert any(max(step["multipliers"].values()) > 0 for step in record.steps), "no conflict arose, so this test shows nothing"
    for step in record.steps:
        coefficients = np.array([step["weights"][name] + step["multipliers"][name] for name in step["objectives"]])
        along = gram_of(step) @ coefficients
        norms = np.array(list(step["gradient_norms"].values()))
        assert (along >= -6e-6 * norms * (coefficients @ norms)).all()  # cosines are reported with five digits
        assert step["grad_norm"] == pytest.approx(np.sqrt(coefficients @ along), rel=0.03)  # what multipliers make of the digits that are missing


def test_the_plain_strategy_is_the_weighted_sum_and_asks_no_anchors(make_trainer):
    trainer = make_trainer(strategy="sum", steps=2, beta=0.0)
    record = Record(trainer)
    trainer.train()
    for step in record.steps:
        assert step["objectives"] == sorted(Capability)
        assert sum(step["weights"].values()) == pytest.approx(1.0)
        assert not any(step["multipliers"].values())


class Gradients(TrainerCallback):
    """What the optimizer is given, step by step."""

    def __init__(self, trainer):
        self.steps = []
        trainer.add_callback(self)

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        self.steps.append(torch.cat([p.grad.flatten().clone() for p in model.parameters() if p.requires_grad]))


def opposed_score(item, reply):
    """What is good for safety is bad for all others."""
    share = sum(c in "aeiou" for c in reply) / max(len(reply), 1)
    value = 1 - share if item.capability is Capability.SAFETY else share
    return {"correctness": Score(name="correctness", value=value), "format": Score(name="format", value=1 / (1 + len(reply)))}


@pytest.mark.parametrize("objectives", ["capability", "component"])
def test_what_a_probe_reads_off_the_pass_is_what_exact_keeps_apart(make_trainer, objectives):
    found = {}
    for strategy in ("exact", "balanced"):
        trainer = make_trainer(strategy, strategy=strategy, objectives=objectives, score=opposed_score, steps=1, beta=0.0, max_grad_norm=1e9)
        trainer.train()
        found[strategy] = trainer.report
    exact, balanced = found["exact"], found["balanced"]
    if objectives == "component":  # on the same replies; whole capabilities of a random model rarely oppose each other
        assert max(exact["multipliers"].values()) > 0.0, "no conflict arose, so this test shows nothing"
    assert balanced["gradient_norms"] == pytest.approx(exact["gradient_norms"], rel=1e-4)
    assert np.array(balanced["cosines"], dtype=float) == pytest.approx(np.array(exact["cosines"], dtype=float), abs=1e-4)
    assert not any(balanced["multipliers"].values())  # there is no past yet


def test_a_balanced_step_resolves_the_conflict_that_earlier_steps_have_found(make_trainer):
    trainer = make_trainer(steps=1, beta=0.0, max_grad_norm=1e9)
    names = [o.name for o in trainer._objectives]
    gradients = np.eye(len(names))
    for other in ("domain", "instruction"):
        gradients[names.index(other)] += -2.0 * gradients[names.index("safety")]
    opposed = gradients @ gradients.T
    average = GramAverage.empty(names).with_estimate(Estimate(opposed, opposed), names, 0.9)
    trainer._learnt = replace(trainer._learnt, average=average)
    gradients = Gradients(trainer)
    trainer.train()
    report = trainer.report
    assert report["multipliers"]["safety"] > 0.05
    assert report["projected_away"] > 0.0
    layers = [trainer._past.layers[i] / 0.1 for i in sorted(trainer._past.layers)]  # this step's own, a tenth of an empty average
    places = [names.index(name) for name in report["objectives"]]
    coefficients = torch.tensor([report["weights"][name] + report["multipliers"][name] for name in report["objectives"]], dtype=torch.float32)
    expected = torch.cat([torch.einsum("k,koi->oi", coefficients, layer[places]).flatten() for layer in layers])
    torch.testing.assert_close(gradients.steps[0].sort().values, expected.sort().values, rtol=1e-3, atol=1e-6)  # layers come in another order


def test_components_of_a_capability_are_objectives_that_share_its_weight(make_trainer):
    trainer = make_trainer(objectives="component", score=opposed_score, steps=1)
    trainer.train()
    weights = trainer.report["weights"]
    assert {"domain/correctness", "domain/format"} <= set(weights)
    assert sum(w for name, w in weights.items() if name.startswith("domain/")) == pytest.approx(1 / 6)
    assert weights["domain/correctness"] == pytest.approx(2 * weights["domain/format"])  # what a capability is examined in counts double
    assert sum(w for name, w in weights.items() if name.startswith("anchor:")) == pytest.approx(1 / 6)  # one of six prompts


def test_anchors_are_trained_on_with_the_weight_of_their_rows_and_their_kl_is_told_apart(make_trainer):
    samples = [make_sample(Capability.DOMAIN, i) for i in range(4)] + [make_sample(Capability.SAFETY, 9, "anchor")]
    trainer = make_trainer(samples=samples, steps=3, beta=1.0, prompts_per_step=3, weight_rate=5.0)
    record = Record(trainer)
    trainer.train()
    for step in record.steps:
        assert step["weights"]["anchor:safety"] == pytest.approx(1 / 4)
    assert set(record.steps[-1]["kl_of_anchors"]) == {"safety"}
    assert set(record.steps[-1]["kl_by_capability"]) == {"domain"}  # budgets are about what the round is about


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_moves_the_adapter(make_trainer, strategy):
    trainer = make_trainer(strategy=strategy, steps=1)
    before = adapter(trainer)
    trainer.train()
    assert any(not torch.equal(before[name], p) for name, p in adapter(trainer).items())


@pytest.mark.parametrize("launcher", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_gradients_are_not_kept_apart_where_they_are_sharded(make_trainer, monkeypatch, launcher):
    monkeypatch.setenv(launcher, "true")
    with pytest.raises(RecipeError, match="'mgda' keeps gradients apart"):
        make_trainer(strategy="mgda")


def test_a_capability_over_its_budget_pays_more_and_one_that_lags_weighs_more(make_trainer):
    def score(item, reply):
        return {"format": Score(name="format", value=sum(c.isalpha() for c in reply) / max(len(reply), 1) * (item.capability is not Capability.SAFETY))}

    trainer = make_trainer(steps=14, anchors_per_step=0, kl_budget=1e-4, weight_rate=5.0, weight_pull=0.0, learning_rate=3e-2, score=score)
    record = Record(trainer)
    trainer.train()
    assert set(record.steps[0]["betas"].values()) == {trainer.recipe.beta}
    assert max(record.steps[-1]["betas"].values()) > trainer.recipe.beta
    assert set(record.steps[0]["capability_weights"].values()) == {1.0}
    last = record.steps[-1]["capability_weights"]
    assert max(last, key=last.get) == "safety"  # which gains nothing
    assert last["safety"] > 1.0 > min(last.values())


@pytest.mark.parametrize("strategy", ["balanced", "exact"])
def test_micro_batches_change_results_only_by_rounding(make_trainer, strategy):
    whole = make_trainer("whole", steps=1, strategy=strategy)
    whole.train()
    parts = make_trainer("parts", steps=1, strategy=strategy, micro_batch=3)
    parts.train()
    assert parts.report["gradient_norms"] == pytest.approx(whole.report["gradient_norms"], rel=1e-4)


def test_the_divergence_that_is_told_is_of_tokens_whatever_the_passes(make_trainer):
    told = []
    for micro_batch in (64, 1):
        trainer = make_trainer(f"by{micro_batch}", micro_batch=micro_batch, steps=2, learning_rate=3e-2)
        trainer.train()
        told.append(trainer.report["kl"])
    assert told[0] > 0.01
    assert told[1] == pytest.approx(told[0], rel=1e-4)


def test_only_the_adapter_that_learns_is_trained(make_trainer):
    trainer = make_trainer(steps=2)
    names = [name for name, p in trainer.model.named_parameters() if p.requires_grad]
    assert names
    assert all(".default." in name for name in names)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.train()
    changed = {name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed
    assert changed <= set(names)


class Halt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **_):
        control.should_training_stop = state.global_step == self.step


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_rate": 0.5, "kl_budget": 1e-3, "learning_rate": 1e-2},
        {"objectives": "component"},
        {"strategy": "pcgrad"},
        {"strategy": "exact", "projected": "update"},
        {"strategy": "sum"},
    ],
    ids=["balanced", "components", "draws", "update", "plain"],
)
def test_a_resumed_run_ends_in_the_same_bytes(make_trainer, changes):
    whole = make_trainer("whole", steps=5, save_every=1, **changes)
    whole.train()
    halted = make_trainer("halted", steps=5, save_every=1, **changes)
    halted.add_callback(Halt(3))
    halted.train()
    resumed = make_trainer("halted", steps=5, save_every=1, **changes)
    torch.rand(7)  # whatever happened to the generators before must not matter
    resumed.train(resume_from_checkpoint=str(sorted(resumed._kept.iterdir())[-1]))
    assert resumed.state.global_step == 5
    expected, got = adapter(whole), adapter(resumed)
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    timed = {"seconds", "tokens_per_second"}
    assert {k: v for k, v in resumed.report.items() if k not in timed} == {k: v for k, v in whole.report.items() if k not in timed}
    assert resumed._learnt.to_json() == whole._learnt.to_json()


def test_a_checkpoint_without_its_state_is_not_resumed(make_trainer):
    halted = make_trainer("halted", steps=2, save_every=1)
    halted.add_callback(Halt(1))
    halted.train()
    (halted._kept / "step-000001" / "objectives.json").unlink()
    with pytest.raises(TrainingError, match=r"step-000001 cannot be resumed: .*objectives\.json"):
        make_trainer("halted", steps=2).train(resume_from_checkpoint=str(halted._kept / "step-000001"))


def test_checkpoints_are_whole_and_only_the_newest_two_stay(make_trainer):
    trainer = make_trainer(steps=5, save_every=1)
    trainer.train()
    assert sorted(p.name for p in trainer._kept.iterdir()) == ["step-000004", "step-000005"]
    assert all(verify_artifact(p) for p in trainer._kept.iterdir())


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(make_trainer):
    trainer = make_trainer(steps=4, save_every=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # as good as a full disk: the write fails half way
    try:
        with pytest.raises(TrainingError, match=r"Step 2 could not be saved .*Free some disk space"):
            trainer.train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(trainer._kept.iterdir()) == []


def test_equal_rewards_move_nothing(make_trainer):
    trainer = make_trainer(steps=2, score=lambda item, reply: {"correctness": Score(name="correctness", value=1.0)})
    record, before = Record(trainer), adapter(trainer)
    trainer.train()
    assert all(step["zero_variance"] == 1.0 and step["conflict_rate"] == 0.0 for step in record.steps)
    assert all(torch.equal(before[name], p) for name, p in adapter(trainer).items())


def test_unscored_replies_move_nothing_and_are_counted(make_trainer):
    trainer = make_trainer(steps=1, score=lambda item, reply: {"correctness": Score(name="correctness")})
    trainer.train()
    assert trainer.report["unscored"] == 1.0
    assert trainer.report["reward"] is None


def test_one_capability_alone_trains(make_trainer):
    trainer = make_trainer(samples=[make_sample(Capability.SAFETY, i) for i in range(3)], steps=2)
    trainer.train()
    assert trainer.report["objectives"] == ["safety"]
    assert trainer.report["multipliers"] == {"safety": 0.0}


def test_one_live_objective_among_flat_ones_is_followed(make_trainer):
    def score(item, reply):
        return vowel_score(item, reply) if item.capability is Capability.DOMAIN else {"safety": Score(name="safety", value=1.0)}

    trainer = make_trainer(steps=2, score=score, beta=0.0)
    record = Record(trainer)
    trainer.train()
    assert all(step["conflict_rate"] == 0.0 for step in record.steps)
    assert record.steps[-1]["gradient_norms"]["safety"] == 0.0
    assert record.steps[-1]["grad_norm"] > 0.0


def test_a_reward_that_fails_stops_the_run_with_its_item(make_trainer):
    def score(item, reply):
        raise ZeroDivisionError("no claims")

    with pytest.raises(TrainingError, match=r"reward component failed on item \w+ \(test\): ZeroDivisionError"):
        make_trainer(score=score).train()


@pytest.mark.parametrize("strategy", ["sum", "balanced", "exact"])
def test_a_gradient_that_is_not_finite_stops_the_run_before_its_step(make_trainer, strategy):
    trainer = make_trainer(strategy=strategy, steps=3, save_every=1)
    weight = next(p for p in trainer.model.parameters() if p.requires_grad)
    weight.register_hook(lambda gradient: gradient * (float("nan") if trainer.state.global_step == 1 else 1.0))
    with pytest.raises(TrainingError, match="gradient is not finite at step 2"):
        trainer.train()
    assert [p.name for p in trainer._kept.iterdir()] == ["step-000001"]


def test_training_raises_the_reward(make_trainer):
    def score(item, reply):
        return {"format": Score(name="format", value=sum(c.isalpha() for c in reply) / max(len(reply), 1))}

    trainer = make_trainer(steps=25, completions=8, learning_rate=3e-2, beta=0.0, score=score)
    record = Record(trainer)
    trainer.train()
    rewards = [step["reward"] for step in record.steps]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.01
