"""An adapter is known again by its fingerprint, and no other passes for it."""

import pytest
import torch

from alignment.grpo.fingerprint import fingerprint_of
from alignment.grpo.policy import load_policy, save_adapter
from alignment.recipe import Recipe
from core.fingerprint import TOLERANCE, deviation

CPU = torch.device("cpu")


def fingerprint(policy):
    return fingerprint_of(policy.model, policy.tokenizer, CPU)


@pytest.fixture
def trained(tiny_model):
    """Adapters that say something else than the base model, each in its own way."""

    def make(seed):
        policy = load_policy(str(tiny_model), None, Recipe(lora_rank=4, seed=seed))
        torch.manual_seed(seed)
        for _, p in policy.model.named_parameters():
            if p.requires_grad:
                p.data.normal_(std=0.1)
        return policy

    return make


def test_an_adapter_that_is_loaded_again_is_known_by_its_fingerprint(tiny_model, trained, tmp_path):
    policy = trained(1)
    save_adapter(policy.model, tmp_path / "adapter", "tiny")
    again = load_policy(str(tiny_model), tmp_path / "adapter", Recipe(lora_rank=4))
    assert deviation(fingerprint(policy), fingerprint(again).log_probabilities) < 1e-5


def test_another_adapter_and_none_at_all_do_not_pass(tiny_model, trained):
    one, other = fingerprint(trained(1)), fingerprint(trained(2))
    none = fingerprint(load_policy(str(tiny_model), None, Recipe(lora_rank=4)))
    assert (one.prompt, one.continuation) == (other.prompt, other.continuation)
    assert all(deviation(one, wrong.log_probabilities) > TOLERANCE for wrong in (other, none))


def test_it_is_taken_without_chance_and_leaves_the_model_as_it_was(trained):
    policy = trained(1)
    policy.model.train()
    assert fingerprint(policy) == fingerprint(policy)
    assert policy.model.training
    assert all(p.grad is None for p in policy.model.parameters())
