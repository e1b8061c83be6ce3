"""SFT on the same data: the validated references, through the same LoRA, as many optimizer steps and as many replies in each."""

from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from alignment.grpo.policy import Policy
from alignment.optimisation import optimisation
from alignment.recipe import Recipe
from core.knowledge.evidence import with_evidence
from tests.benchmarks.alignment.material import Material


def fine_tune(policy: Policy, given: Material, order: tuple[int, ...], recipe: Recipe, scratch: Path) -> Any:
    """Trains on the references in the schedule's order; returns the model.

    A GRPO step trains on `completions` replies to each prompt; here a step takes as many references, of as many different prompts.
    """
    rows = [
        {
            "prompt": [m.model_dump() for m in with_evidence(given.samples[i].messages, given.samples[i].evidence)],
            "completion": [{"role": "assistant", "content": given.references[i]}],
        }
        for i in order
    ]
    trainer = SFTTrainer(
        model=policy.model,
        processing_class=policy.tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=SFTConfig(
            output_dir=str(scratch),
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.prompts_per_step * recipe.completions,
            warmup_steps=recipe.warmup_steps,
            max_length=None,
            shuffle_dataset=False,
            save_strategy="no",
            **optimisation(recipe),
        ),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return trainer.model
