"""The recipe as TRL's trainer wants it: every default of TRL or transformers that is not ours is overridden here, and only here.

A process trains its share of a step's replies: all processes of an `accelerate launch` together make one step of the recipe.
"""

import os
from pathlib import Path

import torch

from alignment.grpo.schedule import Schedule
from alignment.grpo.upstream import GRPOConfig
from alignment.optimisation import optimisation
from alignment.recipe import Recipe
from core.errors import BadInput, RecipeError


def training_config(recipe: Recipe, plan: Schedule, scratch: Path) -> GRPOConfig:
    """Raises RecipeError when the recipe does not fit this machine, BadInput when the launch does not."""
    on_gpu = torch.cuda.is_available()
    if recipe.vllm != "off" and not on_gpu:
        raise RecipeError(f'vllm: {recipe.vllm!r} needs a GPU; without one transformers generates the replies: set vllm = "off"')
    if torch.cuda.device_count() > 1 and processes() == 1:
        raise BadInput("Several GPUs are visible to one training process; set ACCELERATE_CONFIG, or show it one with CUDA_VISIBLE_DEVICES")
    replies = plan.prompts_per_step * recipe.completions
    if replies % processes():
        raise RecipeError(f"prompts_per_step: the {replies} replies of a step do not divide among {processes()} processes; change it, or completions")
    return GRPOConfig(
        output_dir=str(scratch),
        max_steps=recipe.steps,
        per_device_train_batch_size=replies // processes(),
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        num_generations=recipe.completions,
        max_completion_length=recipe.max_completion_tokens,
        temperature=recipe.temperature,
        use_vllm=recipe.vllm != "off",
        vllm_mode="server" if recipe.vllm == "server" else "colocate",
        vllm_server_base_url=recipe.vllm_server_url or None,
        vllm_gpu_memory_utilization=recipe.vllm_memory,
        vllm_enable_sleep_mode=recipe.vllm == "colocate",  # its memory is free while gradients are computed
        shuffle_dataset=False,  # the schedule has decided the order
        loss_type="dr_grpo",
        scale_rewards="none",
        beta=recipe.beta,
        warmup_steps=recipe.warmup_steps,
        ddp_find_unused_parameters=False,  # every pass uses every parameter of the adapter
        logging_steps=1,
        save_strategy="steps",
        save_steps=recipe.save_every,
        **optimisation(recipe),
    )


def processes() -> int:
    """How many processes train together; said by the launcher before any of them has met the others."""
    return int(os.environ.get("WORLD_SIZE", "1"))
