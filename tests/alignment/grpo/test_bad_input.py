"""What a dataset, a reward or a recipe can do wrong, and what a run makes of it: a named error or the documented fallback."""

import math

import numpy as np
import pytest
import torch

from alignment.grpo.plots import plot_run
from alignment.grpo.strategies import STRATEGIES
from core.errors import TrainingError
from core.types import Capability, Score
from tests.alignment.grpo.conftest import make_sample, vowel_score


def learnt(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters() if p.requires_grad])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_capability_alone_trains_and_can_be_drawn_under_every_strategy(make_trainer, tmp_path, strategy):
    trainer = make_trainer(strategy, samples=[make_sample(Capability.DOMAIN, i) for i in range(5)], strategy=strategy, steps=1)
    before = learnt(trainer)
    trainer.train()
    assert not torch.equal(learnt(trainer), before)
    assert set(trainer.report["rewards"]) == {"domain"}
    assert trainer.report["weights"] == {"domain": 1.0}
    plot_run([{"step": 1, **trainer.report}], tmp_path / "plots")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_step_without_signal_moves_nothing_under_any_strategy(make_trainer, tmp_path, strategy):
    trainer = make_trainer(strategy, score=lambda item, reply: {"correctness": Score(name="correctness", value=0.25)}, strategy=strategy, steps=1)
    before = learnt(trainer)
    trainer.train()
    assert torch.equal(learnt(trainer), before)
    assert trainer.report["zero_variance"] == 1.0
    assert all(np.isfinite(w) for w in trainer.report["multipliers"].values())
    plot_run([{"step": 1, **trainer.report}], tmp_path / "plots")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_stops_the_run_with_component_and_item(make_trainer, samples, value):
    broken = samples[0].id

    def score(item, reply):
        scores = vowel_score(item, reply)
        return scores | {"format": Score.model_construct(name="format", value=value, explanation="")} if item.id == broken else scores

    with pytest.raises(TrainingError, match=f"component format of item {broken}"):
        make_trainer("nan", score=score, samples=samples[:1], steps=1).train()


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), KeyError("dose"), RecursionError("too deep"), TypeError("None has no len")])
def test_a_reward_that_raises_stops_the_run_with_the_item(make_trainer, samples, error):
    def score(item, reply):
        raise error

    with pytest.raises(TrainingError, match=f"failed on item {samples[0].id}.*{type(error).__name__}"):
        make_trainer("raises", score=score, samples=samples[:1], steps=1).train()


def test_gradient_checkpointing_changes_nothing(make_trainer):
    found = []
    for on in (False, True):
        trainer = make_trainer(str(on), gradient_checkpointing=on, steps=2)
        trainer.train()
        found.append(learnt(trainer))
    torch.testing.assert_close(*found)
