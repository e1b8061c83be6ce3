import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from alignment.grpo.policy import ADAPTER_WEIGHTS, load_policy, save_adapter
from alignment.recipe import Recipe
from core.errors import BadInput
from tests.models import build_tiny_model


@pytest.fixture
def parent(tiny_model, tmp_path):
    """A trained adapter: not the zeros that a fresh one begins with."""
    policy = load_policy(str(tiny_model), None, Recipe(lora_rank=4))
    for _, p in policy.model.named_parameters():
        if p.requires_grad:
            p.data.normal_()
    save_adapter(policy.model, tmp_path / "parent", "tiny")
    return tmp_path / "parent"


def test_a_saved_adapter_is_continued_bit_by_bit_with_its_own_rank(tiny_model, parent, tmp_path):
    policy = load_policy(str(tiny_model), parent, Recipe(lora_rank=8))
    assert any(p.requires_grad for p in policy.model.parameters())
    save_adapter(policy.model, tmp_path / "again", "tiny")
    assert (tmp_path / "again" / ADAPTER_WEIGHTS).read_bytes() == (parent / ADAPTER_WEIGHTS).read_bytes()
    assert sorted(p.name for p in parent.iterdir()) == ["adapter_config.json", ADAPTER_WEIGHTS]
    assert json.loads((parent / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"


def test_fresh_adapters_of_one_seed_are_equal(tiny_model):
    left, right = (load_policy(str(tiny_model), None, Recipe(seed=5)).model.state_dict() for _ in range(2))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_missing_model_folder_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"base model .*nowhere cannot be loaded"):
        load_policy(str(tmp_path / "nowhere"), None, Recipe())


def test_a_model_without_chat_template_is_refused(tmp_path):
    folder = build_tiny_model(tmp_path / "plain")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(BadInput, match="no chat template"):
        load_policy(str(folder), None, Recipe())


def test_an_adapter_of_another_base_is_refused(tiny_model, parent):
    weights = load_file(parent / ADAPTER_WEIGHTS)
    first = sorted(weights)[0]
    save_file({**weights, first: torch.zeros(4, 7)}, parent / ADAPTER_WEIGHTS)
    with pytest.raises(BadInput, match=r"does not fit the base model: .*\(4, 7\) in the adapter"):
        load_policy(str(tiny_model), parent, Recipe())


def test_an_adapter_with_a_missing_tensor_is_refused(tiny_model, parent):
    weights = load_file(parent / ADAPTER_WEIGHTS)
    weights.pop(sorted(weights)[-1])
    save_file(weights, parent / ADAPTER_WEIGHTS)
    with pytest.raises(BadInput, match="missing in the adapter"):
        load_policy(str(tiny_model), parent, Recipe())


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_adapter_is_refused(tiny_model, parent, damage):
    file = parent / ADAPTER_WEIGHTS
    file.write_bytes(file.read_bytes()[:100]) if damage == "cut" else (parent / "adapter_config.json").unlink()
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_policy(str(tiny_model), parent, Recipe())
