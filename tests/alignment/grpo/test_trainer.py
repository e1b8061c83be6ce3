import resource

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from alignment.grpo.strategies import STRATEGIES
from core.artifacts import verify_artifact
from core.errors import TrainingError
from core.types import Capability, Score
from tests.alignment.grpo.conftest import make_sample, vowel_score


class Record(TrainerCallback):
    """Each step's report and the gradient's norm as it was before clipping."""

    def __init__(self, trainer):
        self.trainer, self.steps = trainer, []
        trainer.add_callback(self)

    def on_log(self, args, state, control, logs=None, **_):
        if "grad_norm" in logs:
            self.steps.append({**self.trainer.report, "grad_norm": logs["grad_norm"], "kl": logs.get("kl")})


def adapter(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters() if p.requires_grad}


def gram_of(report):
    norms = np.array(list(report["gradient_norms"].values()))
    return np.array(report["cosines"], dtype=float) * np.outer(norms, norms)


def test_an_exact_step_opposes_no_objective_and_is_what_the_optimizer_gets(make_trainer):
    trainer = make_trainer(strategy="exact", steps=6, beta=0.0, max_grad_norm=1e9)
    record = Record(trainer)
    trainer.train()
    assert len(record.steps) == 6
    assert any(max(step["multipliers"].values()) > 0 for step in record.steps), "no conflict arose, so this test shows nothing"
    for step in record.steps:
        coefficients = np.array([step["weights"][name] + step["multipliers"][name] for name in step["objectives"]])
        along = gram_of(step) @ coefficients
        norms = np.array(list(step["gradient_norms"].values()))
        assert (along >= -1e-4 * norms * step["grad_norm"]).all()  # cosines are reported with five digits
        assert step["grad_norm"] == pytest.approx(np.sqrt(coefficients @ along), rel=1e-3)


def test_the_plain_strategy_is_the_weighted_sum_and_asks_no_anchors(make_trainer):
    trainer = make_trainer(strategy="sum", steps=2, beta=0.0)
    record = Record(trainer)
    trainer.train()
    for step in record.steps:
        assert step["objectives"] == sorted(Capability)
        assert sum(step["weights"].values()) == pytest.approx(1.0)
        assert not any(step["multipliers"].values())


@pytest.mark.parametrize("strategy", ["balanced", "exact"])
def test_micro_batches_change_results_only_by_rounding(make_trainer, strategy):
    whole = make_trainer("whole", steps=1, strategy=strategy)
    whole.train()
    parts = make_trainer("parts", steps=1, strategy=strategy, micro_batch=3)
    parts.train()
    assert parts.report["gradient_norms"] == pytest.approx(whole.report["gradient_norms"], rel=1e-4)


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


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_resumed_run_ends_in_the_same_bytes(make_trainer, strategy):
    whole = make_trainer("whole", steps=5, strategy=strategy)
    whole.train()
    halted = make_trainer("halted", steps=5, strategy=strategy)

    class Halt(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            control.should_training_stop = state.global_step == 3

    halted.add_callback(Halt())
    halted.train()
    resumed = make_trainer("halted", steps=5, strategy=strategy)
    torch.rand(7)  # whatever happened to the generators before must not matter
    resumed.train(resume_from_checkpoint=str(sorted(resumed._kept.iterdir())[-1]))
    assert resumed.state.global_step == 5
    expected, got = adapter(whole), adapter(resumed)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


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


def test_training_raises_the_reward(make_trainer):
    def score(item, reply):
        return {"format": Score(name="format", value=sum(c.isalpha() for c in reply) / max(len(reply), 1))}

    trainer = make_trainer(steps=25, completions=8, learning_rate=3e-2, beta=0.0, score=score)
    record = Record(trainer)
    trainer.train()
    rewards = [step["reward"] for step in record.steps]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.01
