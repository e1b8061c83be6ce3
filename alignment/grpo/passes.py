"""Forward and backward passes: which rows go together, on which process.

A pass holds rows of one part (and so of one capability) alone: its padding is small, and its KL weight is one number. Every process makes
the same number of passes, since each of them ends in sums over all processes; one with no rows left makes it with a row that counts nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from alignment.grpo.advantages import Floats
from alignment.grpo.batch import Ints


class Pass(NamedTuple):
    part: str
    rows: Ints
    """Of all processes, as the batch numbers them."""
    mine: Ints
    """Of this process, counted from its first."""


def passes(part: str, chosen_N: NDArray[np.bool_], micro_batch: int, rank: int, processes: int) -> list[Pass]:
    """The chosen rows, at most `micro_batch` of each process at a time. Process r has the r-th of equal shares of the batch."""
    share = len(chosen_N) // processes
    rows_R = [np.flatnonzero(chosen_N[r * share : (r + 1) * share]) for r in range(processes)]
    count = -(-max(len(rows) for rows in rows_R) // micro_batch)
    chunks_R = [np.array_split(rows, count) for rows in rows_R] if count else []
    return [Pass(part, np.concatenate([r * share + chunks[i] for r, chunks in enumerate(chunks_R)]), chunks_R[rank][i]) for i in range(count)]


def rows_of_pass(rows: Mapping[str, torch.Tensor], mine: Ints, advantages_M: Floats) -> dict[str, torch.Tensor]:
    """The tensors of a pass as upstream's loss wants them, without the columns in which every row is padding."""
    device = rows["completion_mask"].device
    count = len(rows["completion_mask"])
    chosen = torch.as_tensor(mine if len(mine) else np.zeros(1, dtype=np.int64), device=device)
    part = {name: tensor[chosen] for name, tensor in rows.items() if isinstance(tensor, torch.Tensor) and tensor.dim() > 0 and len(tensor) == count}
    part["advantages"] = torch.zeros(1, device=device)
    if len(mine):
        part["advantages"] = torch.as_tensor(advantages_M, dtype=torch.float32, device=device)
    else:
        part["completion_mask"] = torch.zeros_like(part["completion_mask"])
    return _without_padding(part)


def _without_padding(part: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Prompts are padded on the left, completions on the right; the loss `dr_grpo` does not look at the width."""
    full = part["completion_mask"].shape[1]
    start = int(part["prompt_mask"].any(dim=0).int().argmax())
    width = max(int(part["completion_mask"].sum(dim=1).max()), 1)
    prompt = {name: part[name][:, start:] for name in ("prompt_ids", "prompt_mask")}
    cut = {name: t[:, :width] for name, t in part.items() if name not in prompt and t.dim() == 2 and t.shape[1] == full}
    return {**part, **cut, **prompt}
