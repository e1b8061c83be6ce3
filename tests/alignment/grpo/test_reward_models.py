"""A preference model in the trainer: it is asked a batch at a time, weighs what it was measured to be worth, and a run with it resumes."""

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from alignment.grpo.kept import newest
from alignment.recipe import load_recipe
from alignment.rewards.preference import load_preference, train_preference
from core.types import Capability, Score
from tests.alignment.rewards.conftest import judgement


@pytest.fixture(scope="module")
def preference(tiny_model, tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("preference") / "cp-1-preference"
    recipe = load_recipe("test").model_copy(update={"learning_rate": 1e-2})
    judgements = [judgement(i) for i in range(40)]
    assert train_preference(
        folder, judgements, base_model=str(tiny_model), base_name="tiny", recipe=recipe, scratch=folder.parent / "scratch", is_stopped=lambda: False
    )
    return load_preference(folder, str(tiny_model))


class StopAfter(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **_):
        control.should_training_stop = state.global_step == self.step
        return control


def weights_of(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters() if p.requires_grad}


def test_a_step_reports_what_the_model_said_and_weighs(make_trainer, preference):
    trainer = make_trainer(steps=1, models=[preference])
    trainer.train()
    report = trainer.report
    assert 0.7 < report["component_weights"]["domain"]["preference"] < 0.75
    assert "preference" not in report["component_weights"]["safety"]
    assert 0.0 <= report["components"]["domain"]["preference"] <= 1.0
    assert "preference" not in report["components"].get("safety", {})  # weight 0: it was not asked


@pytest.mark.parametrize("changes", [{}, {"objectives": "component"}, {"weight_rate": 0.5}], ids=["capability", "component", "dynamic weights"])
def test_dynamic_weights_and_objectives_leave_a_models_weight_alone(make_trainer, preference, changes):
    trainer = make_trainer(steps=2, models=[preference], **changes)
    trainer.train()
    weights = trainer.report["component_weights"]
    assert weights["domain"]["preference"] == preference.weights[Capability.DOMAIN]
    assert all("preference" not in weights[c] for c in weights if c != "domain")


def test_what_weighs_nothing_is_not_asked_and_changes_nothing(make_trainer):
    class Mute:
        name, weights = "preference", dict.fromkeys(Capability, 0.0)

        def scores(self, asked):
            raise AssertionError("asked, though it weighs nothing")

    def trained(name, models):
        trainer = make_trainer(name, steps=2, models=models)
        trainer.train()
        return weights_of(trainer).values()

    assert all(torch.equal(one, other) for one, other in zip(trained("a", ()), trained("b", [Mute()]), strict=True))


def test_unscored_replies_are_counted_in_the_report(make_trainer):
    class Silent:
        name, weights = "judge", dict.fromkeys(Capability, 0.5)

        def scores(self, asked):
            return [Score(name="judge", explanation="timed out") for _ in asked]

    trainer = make_trainer(steps=1, models=[Silent()])
    trainer.train()
    assert set(trainer.report["unscored_models"]["judge"]) == {"timed out"}
    assert trainer.report["unscored_models"]["judge"]["timed out"] > 0
    assert np.isfinite(trainer.report["reward"])


def test_a_resumed_run_with_a_model_ends_in_the_same_weights(make_trainer, preference):
    whole = make_trainer("whole", steps=4, save_every=2, models=[preference])
    whole.train()
    begun = make_trainer("killed", steps=4, save_every=2, models=[preference])
    begun.add_callback(StopAfter(3))
    begun.train()
    resumed = make_trainer("killed", steps=4, save_every=2, models=[preference])
    resumed.train(resume_from_checkpoint=str(newest(resumed._kept)))
    assert all(torch.equal(one, other) for one, other in zip(weights_of(whole).values(), weights_of(resumed).values(), strict=True))


def test_the_model_orders_replies_where_the_rules_see_no_difference(make_trainer, preference):
    def blind(item, reply):
        return {"safety": Score(name="safety", value=1.0), "right": Score(name="right", value=1.0)}

    trainer = make_trainer(steps=1, score=blind, models=[preference], anchors_per_step=0)
    trainer.train()
    batch = trainer._batch
    rows = batch.rows_of("domain")
    said = batch.values_NF[rows, trainer._components.index("preference")]
    order = batch.advantages_NK[rows, batch.names.index("domain")]
    assert order.any()
    assert np.corrcoef(said, order)[0, 1] > 0.99
    assert not batch.advantages_NK[batch.rows_of("safety")].any()
