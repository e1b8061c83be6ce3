"""How everything that is trained on a recipe learns: policy, preference model, and what benchmarks compare with. One place, so that all learn alike."""

from typing import Any

import torch
from peft import LoraConfig

from alignment.recipe import Recipe

# Every projection of a Qwen2 or Llama block; named, because vLLM must know them too.
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def lora(recipe: Recipe, task_type: str, *, whole: tuple[str, ...] = ()) -> LoraConfig:
    """A fresh adapter on every projection; the modules named in `whole` are trained as they are."""
    return LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=0.0,
        target_modules=PROJECTIONS,
        modules_to_save=list(whole) or None,
        task_type=task_type,
    )


def optimisation(recipe: Recipe) -> dict[str, Any]:
    """The fields of a transformers `TrainingArguments` that the kind of training does not decide."""
    on_gpu = torch.cuda.is_available()
    return {
        "seed": recipe.seed,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": recipe.max_grad_norm,
        "weight_decay": 0.0,
        "optim": "adamw_torch",
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "dataloader_pin_memory": on_gpu,
        "report_to": "none",
        "disable_tqdm": True,
    }
