"""What the trainer relies on in trl, transformers and accelerate: each of these fails when it changes there."""

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from alignment.grpo.config import training_config
from alignment.grpo.policy import load_policy
from alignment.grpo.schedule import schedule
from alignment.grpo.upstream import GRPOTrainer
from alignment.rewards import COMPONENTS
from core.types import Score
from tests.alignment.grpo.conftest import vowel_score
from tests.alignment.grpo.test_trainer import Gradients


def batch_of(trainer):
    """One generation batch, prepared as in training."""
    inputs = next(iter(trainer.get_train_dataloader()))
    trainer.model.train()
    return inputs, trainer._prepare_inputs(inputs)


def test_rewards_come_raw_in_the_order_of_their_functions_with_nan_for_unscored(make_trainer):
    def score(item, reply):
        return {"correctness": Score(name="correctness", value=0.25), "format": Score(name="format", value=0.75)}

    trainer = make_trainer(score=score)
    batch_of(trainer)
    assert trainer._values_NF.shape == (24, len(trainer._components))
    columns = dict(zip(trainer._components, trainer._values_NF.T, strict=True))
    assert (columns["correctness"] == 0.25).all()
    assert (columns["format"] == 0.75).all()
    assert np.isnan(columns["safety"]).all()


def test_rows_are_shuffled_together_so_the_row_number_puts_them_back(make_trainer, monkeypatch):
    trainer = make_trainer(completions=2)
    generated = {}
    inner = trainer._generate_and_score_completions

    def remember(inputs):
        generated.update(inner(inputs))
        return generated

    monkeypatch.setattr(trainer, "_generate_and_score_completions", remember)
    inputs, rows = batch_of(trainer)
    assert sorted(rows["row"].tolist()) == list(range(12))
    assert rows["row"].tolist() != list(range(12))
    for name in ("completion_ids", "completion_mask", "ref_per_token_logps", "prompt_ids"):
        assert torch.equal(rows[name][rows["row"].argsort()], generated[name])
    asked = [row["sample"] for row in inputs]
    assert asked[0::2] == asked[1::2]  # group by group


def test_the_optimizer_gets_what_one_training_step_left(make_trainer, monkeypatch):
    trainer = make_trainer(steps=2, max_grad_norm=1e9)
    gradients, left = Gradients(trainer), []
    inner = trainer.training_step

    def remember(model, inputs, number=None):
        loss = inner(model, inputs, number)
        left.append(torch.cat([p.grad.flatten().clone() for p in model.parameters() if p.requires_grad]))
        return loss

    monkeypatch.setattr(trainer, "training_step", remember)
    trainer.train()
    assert len(left) == len(gradients.steps) == 2
    assert all(torch.allclose(a, b) for a, b in zip(left, gradients.steps, strict=True))


def test_the_loss_is_a_mean_over_rows_and_a_constant_with_the_kl_term_last_in_the_metric(make_trainer):
    trainer = make_trainer(beta=0.5)
    trainer.current_gradient_accumulation_steps = 1  # transformers' loop sets it
    _, rows = batch_of(trainer)
    rows["ref_per_token_logps"] = rows["ref_per_token_logps"] - 0.3
    tokens = rows["completion_mask"].sum().item()
    kl = np.exp(-0.3) + 0.3 - 1
    rows["advantages"] = torch.ones(24)
    trainer.beta = 0.25
    loss = trainer.compute_loss(trainer.model, rows)
    assert loss.item() == pytest.approx((0.25 * kl - 1.0) * tokens / (24 * trainer.max_completion_length), rel=1e-4)
    assert trainer._metrics["train"]["kl"][-1] == pytest.approx(kl, rel=1e-4)
    seen = len(trainer._metrics["train"]["kl"])
    trainer.beta = 0.0
    trainer.compute_loss(trainer.model, rows)
    assert len(trainer._metrics["train"]["kl"]) == seen


def test_log_probabilities_are_asked_for_so_many_rows_at_a_time(make_trainer):
    trainer = make_trainer(micro_batch=5)
    sizes = []
    trainer.model.get_input_embeddings().register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    ids = torch.ones(12, 6, dtype=torch.long)
    logps, _, _ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, torch.ones_like(ids), 3)
    assert sizes == [5, 5, 2]
    assert logps.shape == (12, 3)


class Stepped(TrainerCallback):
    def __init__(self, trainer):
        self.trainer = trainer
        trainer.add_callback(self)

    def on_optimizer_step(self, args, state, control, **_):
        optimizer = self.trainer.optimizer.optimizer
        self.parts = [set(optimizer.state[p]) for group in optimizer.param_groups for p in group["params"]]
        self.group = set(optimizer.param_groups[0])


def test_the_optimizer_keeps_what_the_projection_reads(make_trainer):
    trainer = make_trainer(strategy="exact", steps=1)
    stepped = Stepped(trainer)
    trainer.train()
    assert all({"step", "exp_avg_sq"} <= parts for parts in stepped.parts)
    assert {"betas", "eps"} <= stepped.group


@pytest.mark.parametrize(("strategy", "aggregation"), [("sum", "sum_then_normalize"), ("gdpo", "normalize_then_sum")])
def test_the_plain_strategies_make_the_step_that_trl_itself_makes(make_trainer, test_recipe, tiny_model, samples, tmp_path, strategy, aggregation):
    weights = {"correctness": 1.0, "format": 0.5}
    names = list(weights)
    trainer = make_trainer(strategy=strategy, steps=1, beta=0.0, max_grad_norm=1e9, weights=lambda capability: dict.fromkeys(COMPONENTS, 0.0) | weights)
    gradients = Gradients(trainer)
    trainer.train()

    recipe = test_recipe.model_copy(update={"strategy": strategy, "steps": 1, "beta": 0.0, "max_grad_norm": 1e9})
    plan = schedule(samples, recipe)
    config = training_config(recipe, plan, tmp_path / "plain")
    config.scale_rewards, config.multi_objective_aggregation, config.remove_unused_columns = "group", aggregation, False
    config.save_strategy = "no"

    def function(name):
        def reward(completions, sample, **_):
            return [vowel_score(samples[i], reply[0]["content"])[name].value for i, reply in zip(sample, completions, strict=True)]

        reward.__name__ = name
        return reward

    config.reward_weights = [weights[name] for name in names]
    policy = load_policy(str(tiny_model), None, recipe)
    plain = GRPOTrainer(
        model=policy.model,
        processing_class=policy.tokenizer,
        reward_funcs=[function(name) for name in names],
        args=config,
        train_dataset=trainer.train_dataset,
    )
    expected = Gradients(plain)
    plain.train()
    ours, theirs = gradients.steps[0], expected.steps[0]
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.999
