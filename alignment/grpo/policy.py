"""The policy: a base model with the LoRA adapter that a round continues, or with a fresh one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from alignment.optimisation import lora
from alignment.recipe import Recipe
from core.errors import BadInput

ADAPTER_WEIGHTS = "adapter_model.safetensors"
# ZeRO-3 gathers parameters of one type only: an adapter in float32 over a base in bfloat16 fails at its first optimizer step.
_ADAPTER_IN_FLOAT32 = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") != "3"


class Policy(NamedTuple):
    model: Any
    """PeftModel, one trainable adapter named `default`."""
    tokenizer: Any
    context_tokens: int
    """Most tokens of prompt and reply together."""


def load_policy(base_model: str, parent_adapter: Path | None, recipe: Recipe) -> Policy:
    """Loads `base_model` (folder or hub name) and the adapter in `parent_adapter`, or a fresh one of the recipe's rank.

    float32 on a CPU, bfloat16 on a GPU. Raises BadInput when either cannot be loaded or the adapter does not fit the base.
    """
    try:
        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        base = AutoModelForCausalLM.from_pretrained(base_model, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(base_model, padding_side="left")
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"The base model {base_model} cannot be loaded: {_first_line(error)}") from error
    if not tokenizer.chat_template:
        raise BadInput(f"The tokenizer of {base_model} has no chat template; an instruction-tuned model is needed")
    torch.manual_seed(recipe.seed)
    model = _with_parent_adapter(base, parent_adapter) if parent_adapter is not None else _with_fresh_adapter(base, recipe)
    return Policy(model, tokenizer, int(base.config.max_position_embeddings))


def _with_fresh_adapter(base: Any, recipe: Recipe) -> PeftModel:
    return get_peft_model(base, lora(recipe, "CAUSAL_LM"), autocast_adapter_dtype=_ADAPTER_IN_FLOAT32)


def _with_parent_adapter(base: Any, folder: Path) -> PeftModel:
    """The parent's own shape (rank, targets) is kept; every tensor must find its place, or we would train from noise unnoticed."""
    try:
        config = PeftConfig.from_pretrained(str(folder))
        weights = load_file(folder / ADAPTER_WEIGHTS)
        config.inference_mode = False
        config.base_model_name_or_path = base.name_or_path
        model = get_peft_model(base, config, autocast_adapter_dtype=_ADAPTER_IN_FLOAT32)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise BadInput(f"The adapter in {folder} cannot be loaded on this base model: {_first_line(error)}") from error
    expected = {name: tuple(tensor.shape) for name, tensor in get_peft_model_state_dict(model).items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        name = sorted(set(expected.items()) ^ set(found.items()))[0][0]
        raise BadInput(
            f"The adapter in {folder} does not fit the base model: {name} is {found.get(name, 'missing')} in the adapter "
            f"and {expected.get(name, 'absent')} in the model. Was BASE_MODEL changed?"
        )
    set_peft_model_state_dict(model, weights)
    return model


def save_adapter(model: Any, folder: Path, base_name: str, weights: Mapping[str, Any] | None = None) -> None:
    """Writes the adapter's weights and configuration. `base_name` is recorded instead of a path of this machine.

    `weights` are all of the model's, gathered, where its own are only a share (FSDP, ZeRO).
    """
    config = model.peft_config["default"]
    loaded_from, config.base_model_name_or_path = config.base_model_name_or_path, base_name
    config.target_modules = sorted(config.target_modules)  # a set: each process would write it in another order
    try:
        # Embeddings are never trained; asking peft to find out makes it look the base model up over the network.
        model.save_pretrained(str(folder), selected_adapters=["default"], save_embedding_layers=False, state_dict=weights)
    finally:
        config.base_model_name_or_path = loaded_from
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
