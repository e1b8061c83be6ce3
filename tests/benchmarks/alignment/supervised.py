"""SFT on the same data: the validated references, through the same LoRA, as many optimizer steps and as many replies in each."""

from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from alignment.grpo.policy import Policy
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
            seed=recipe.seed,
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.prompts_per_step * recipe.completions,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=recipe.warmup_steps,
            max_grad_norm=recipe.max_grad_norm,
            weight_decay=0.0,
            optim="adamw_torch",
            max_length=None,
            shuffle_dataset=False,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return trainer.model
