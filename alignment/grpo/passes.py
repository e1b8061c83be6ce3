"""Forward and backward passes: which rows go together, on which process.

A pass holds rows of one part (and so of one capability) alone: its padding is small, and its KL weight is one number. Every process makes
the same passes with equally many rows, since upstream's metrics are gathered from all of them; one with fewer rows left adds some that count
nothing.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch

from alignment.arrays import Bools, Floats, Ints
from alignment.grpo.batch import Batch


class Pass(NamedTuple):
    part: str
    rows: Ints
    """Of all processes, as the batch numbers them."""
    mine: Ints
    """Of this process, counted from its first."""
    size: int
    """Rows that each process makes it with, those that count nothing among them; at least 1."""


def passes(part: str, chosen_N: Bools, micro_batch: int, rank: int, processes: int) -> list[Pass]:
    """The chosen rows, at most `micro_batch` of each process at a time. Process r has the r-th of equal shares of the batch."""
    share = len(chosen_N) // processes
    rows_R = [np.flatnonzero(chosen_N[r * share : (r + 1) * share]) for r in range(processes)]
    count = -(-max(len(rows) for rows in rows_R) // micro_batch)
    chunks_R = [np.array_split(rows, count) for rows in rows_R] if count else []

    def one(i: int) -> Pass:
        rows = np.concatenate([r * share + chunks[i] for r, chunks in enumerate(chunks_R)])
        return Pass(part, rows, chunks_R[rank][i], max(len(chunks[i]) for chunks in chunks_R))

    return [one(i) for i in range(count)]


class Weighed(NamedTuple):
    """A pass with what its replies count."""

    one: Pass
    advantages_N: Floats
    share: float
    """What the coefficients of its part's objectives add up to."""


def weighted_passes(batch: Batch, coefficients_K: Floats, split: Callable[[str, Bools], list[Pass]]) -> list[Weighed]:
    """The passes of one step with the advantages that the coefficients make.

    At least one: without any, sharded gradients and their reduction would be left in the air.
    """
    planned: list[Weighed] = []
    for part in batch.parts:
        if share := float(coefficients_K[batch.members(part)].sum()):
            planned += [Weighed(one, batch.combined(part, coefficients_K), share) for one in split(part, batch.part_N == part)]
    nothing = np.zeros(0, dtype=np.int64)
    return planned or [Weighed(Pass(batch.parts[0], nothing, nothing, 1), np.zeros(len(batch.part_N)), 0.0)]


def rows_of_pass(rows: Mapping[str, torch.Tensor], one: Pass, advantages_M: Floats) -> dict[str, torch.Tensor]:
    """The tensors of a pass as upstream's loss wants them, without the columns in which every row is padding."""
    device, count, blank = rows["completion_mask"].device, len(rows["completion_mask"]), one.size - len(one.mine)
    chosen = torch.as_tensor(np.append(one.mine, np.zeros(blank, dtype=np.int64)), device=device)
    part = {name: tensor[chosen] for name, tensor in rows.items() if isinstance(tensor, torch.Tensor) and tensor.dim() > 0 and len(tensor) == count}
    part["advantages"] = torch.as_tensor(np.append(advantages_M, np.zeros(blank)), dtype=torch.float32, device=device)
    part["completion_mask"][len(one.mine) :] = 0
    return _without_padding(part)


def _without_padding(part: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Prompts are padded on the left, completions on the right; the loss `dr_grpo` does not look at the width."""
    full = part["completion_mask"].shape[1]
    start = int(part["prompt_mask"].any(dim=0).int().argmax())
    width = max(int(part["completion_mask"].sum(dim=1).max()), 2)  # upstream's metrics take one column for one value per reply, unmasked
    prompt = {name: part[name][:, start:] for name in ("prompt_ids", "prompt_mask")}
    cut = {name: t[:, :width] for name, t in part.items() if name not in prompt and t.dim() == 2 and t.shape[1] == full}
    return {**part, **cut, **prompt}
