"""Pretraining from random weights: Muon on the matrices, AdamW on the rest, loss on what the assistant says, cosine to zero.

Resumable: the state is kept aside every minute, and the texts come in an order decided by the seed, so a restarted run goes on
where it stopped.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch.nn import functional
from transformers import Qwen2ForCausalLM

from alignment.starter.packing import IGNORED, Batch, Encoded, attention_mask, batch, pack
from core.types import Value

SAVE_SECONDS = 60.0


class Schedule(Value):
    rows: int = Field(default=12, ge=1)
    length: int = Field(default=384, ge=32, le=1024)
    muon_learning_rate: float = 5e-3
    adam_learning_rate: float = 5e-3
    weight_decay: float = 0.01
    warmup_steps: int = 40
    bf16: bool = True
    """Autocast; on CPUs with bf16 instructions it saves a third of the time."""


Report = Callable[[int, int, float], None]
"""Called after each step with the steps done, the steps in all, and the loss."""


def pretrain(
    model: Qwen2ForCausalLM, encoded: list[Encoded], schedule: Schedule, padding: int, state: Path | None = None, report: Report | None = None
) -> float:
    """Trains `model` in place over all of `encoded` once. Returns the mean loss of the last tenth of the steps."""
    rows = list(pack(encoded, schedule.length))
    steps = len(rows) // schedule.rows
    optimizers = _optimizers(model, schedule)
    done = _resume(model, optimizers, state)
    losses: list[float] = []
    saved = time.monotonic()
    model.train()
    for step in range(done, steps):
        chosen = rows[step * schedule.rows : (step + 1) * schedule.rows]
        losses.append(_step(model, batch(chosen, schedule.length, padding), optimizers, _rate(step, steps, schedule), schedule))
        if report:
            report(step + 1, steps, losses[-1])
        if state and time.monotonic() - saved > SAVE_SECONDS:
            _save(model, optimizers, step + 1, state)
            saved = time.monotonic()
    last = losses[-max(1, steps // 10) :]
    return sum(last) / max(1, len(last))


def _optimizers(model: Qwen2ForCausalLM, schedule: Schedule) -> list[torch.optim.Optimizer]:
    embedding = model.get_input_embeddings().weight
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not embedding]
    rest = [p for p in model.parameters() if p.ndim != 2]
    return [
        torch.optim.Muon(matrices, lr=schedule.muon_learning_rate, weight_decay=schedule.weight_decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([embedding, *rest], lr=schedule.adam_learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _rate(step: int, steps: int, schedule: Schedule) -> float:
    """Share of the full learning rate: linear warm-up, then cosine to zero."""
    warm = min(1.0, (step + 1) / max(1, schedule.warmup_steps))
    return warm * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * step / max(1, steps)))))


def _step(model: Qwen2ForCausalLM, data: Batch, optimizers: list[torch.optim.Optimizer], rate: float, schedule: Schedule) -> float:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * rate
    loss = loss_of(model, data, bf16=schedule.bf16)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def loss_of(model: Qwen2ForCausalLM, data: Batch, *, bf16: bool) -> torch.Tensor:
    """Mean cross-entropy over the labelled tokens; logits are computed for these alone, which saves a quarter of the work."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        hidden_B_T_H = model.model(
            input_ids=data.tokens_B_T, attention_mask=attention_mask(data.texts_B_T), position_ids=data.positions_B_T, use_cache=False
        ).last_hidden_state
        targets_B_T = data.labels_B_T[:, 1:]
        learnt = targets_B_T != IGNORED
        logits_N_V = model.lm_head(hidden_B_T_H[:, :-1][learnt])
    return functional.cross_entropy(logits_N_V.float(), targets_B_T[learnt])


def _save(model: Qwen2ForCausalLM, optimizers: list[torch.optim.Optimizer], step: int, state: Path) -> None:
    draft = state.with_suffix(".draft")
    torch.save({"step": step, "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}, draft)
    os.replace(draft, state)


def _resume(model: Qwen2ForCausalLM, optimizers: list[torch.optim.Optimizer], state: Path | None) -> int:
    if state is None or not state.exists():
        return 0
    kept: dict[str, Any] = torch.load(state, weights_only=True)
    model.load_state_dict(kept["model"])
    for optimizer, values in zip(optimizers, kept["optimizers"], strict=True):
        optimizer.load_state_dict(values)
    return int(kept["step"])
