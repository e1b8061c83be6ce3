"""Gradients of several objectives from one small backward pass, and what their Gram matrix is on average.

A LoRA layer is a linear layer with a trained matrix W, whose gradient is the sum over tokens of delta x^T with the layer's input x and the
gradient delta at its output. Both pass by while a few replies go forward and backward, so the sum is taken once for each *cell* (some rows,
each with a factor: an objective's advantages, half of its prompts) and no parameter's `.grad` is touched. That makes it one pass however
many objectives share a reply, and leaves gradients that are sharded or reduced by hooks (DDP, FSDP, ZeRO) alone.

*Bias.* Of a sampled gradient's Gram matrix the entries between different prompts are right on average, but those from the same prompts, the
diagonal among them, hold the noise too: E|g_hat|^2 = |g|^2 + noise / prompts. A probe smaller than the step would show objectives longer,
and so less in conflict, than the step finds them. From two halves with different prompts the product <g_a, g_b> has no such term, so what a
Gram matrix over P' prompts would be on average is cross + (total - cross) P / P'. `Estimate.gram_KK` is that, for the step's own P'; averaged
over steps it is what `exact` sees, without the luck of one batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from alignment.grpo.batch import Batch
from alignment.grpo.passes import Pass

Floats = NDArray[np.float64]


class Cell(NamedTuple):
    """Rows of the next forward pass whose gradients are added up, each with its factor."""

    number: int
    rows: torch.Tensor
    factors: torch.Tensor


@dataclass
class CellGradients:
    """The gradients of `count` cells with respect to the weights of trained linear layers, summed over forward passes."""

    count: int
    cells: Sequence[Cell] = ()
    """Those of the next forward pass."""
    entry: torch.Tensor | None = None
    """The embeddings of the newest forward pass: the backward pass ends there."""
    sums: dict[int, torch.Tensor] = field(default_factory=dict)
    """By layer: (count, out, in), float32."""

    def backward(self, value: torch.Tensor) -> None:
        """From one number of the newest forward pass; parameters' own gradients are not computed."""
        torch.autograd.grad(value, self.entry)

    def gram(self) -> Floats:
        """Inner products (count, count) in double precision, one layer at a time so that nothing of all gradients' size is copied."""
        total = np.zeros((self.count, self.count))
        for gradients in self.sums.values():
            flat = gradients.flatten(1).double()
            total += (flat @ flat.T).cpu().numpy()
        return total

    def add(self, layer: int, inputs: torch.Tensor, deltas: torch.Tensor) -> None:
        if layer not in self.sums:
            self.sums[layer] = torch.zeros(self.count, deltas.shape[-1], inputs.shape[-1], device=deltas.device)
        for cell in self.cells:
            weighted = deltas[cell.rows].float() * cell.factors[:, None, None]
            self.sums[layer][cell.number] += weighted.flatten(0, 1).T @ inputs[cell.rows].float().flatten(0, 1)


def trained_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The linear layers whose weights learn: the two matrices of every LoRA."""
    return [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.weight.requires_grad]


@contextmanager
def cell_gradients(layers: Sequence[torch.nn.Module], embeddings: torch.nn.Module, count: int) -> Iterator[CellGradients]:
    """While open, forward passes with `cells` set, each followed by `backward`, add to `sums`.

    Relies on a layer being called with one (rows, tokens, features) tensor, and on the embeddings being the way into the model.
    """
    gathered = CellGradients(count)

    def of_layer(i: int) -> Any:
        def listen(_module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            if output.requires_grad:
                x = inputs[0].detach()
                output.register_hook(lambda delta: gathered.add(i, x, delta))

        return listen

    def enter(_module: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        gathered.entry = output if output.requires_grad else output.requires_grad_()
        return gathered.entry

    handles = [layer.register_forward_hook(of_layer(i)) for i, layer in enumerate(layers)]
    handles.append(embeddings.register_forward_hook(enter))
    try:
        yield gathered
    finally:
        for handle in handles:
            handle.remove()


class Probe:
    """Which rows of a step are measured, and what for. Cell k of the first K is the first half of live objective k, cell K + k the second."""

    def __init__(self, batch: Batch, prompts: int) -> None:
        """`prompts` of each part, 0 for all."""
        self._batch = batch
        self._live = np.flatnonzero(batch.live_K)
        place_P = np.array([np.sum(batch.part_P[:i] == part) for i, part in enumerate(batch.part_P)])
        self._probed_P = place_P < prompts if prompts else np.ones(len(place_P), dtype=bool)

    @property
    def names(self) -> list[str]:
        return [self._batch.names[k] for k in self._live]

    @property
    def cells(self) -> int:
        return 2 * len(self._live)

    def rows_of(self, part: str) -> NDArray[np.bool_]:
        """The rows to measure; those that no objective tells from their group have no gradient."""
        batch = self._batch
        return (batch.part_N == part) & batch.advantages_NK.any(axis=1) & np.repeat(self._probed_P, batch.group_size)

    def cells_of(self, one: Pass, first_row: int, scale: float, device: torch.device) -> list[Cell]:
        """The cells of a pass: the mean gradient over a half's replies, times `scale`. `first_row` is where this process's rows begin."""
        batch, cells = self._batch, []
        half_M = batch.half_P[(one.mine + first_row) // batch.group_size]
        for i, k in enumerate(self._live):
            advantages_M = batch.advantages_NK[one.mine + first_row, k]
            for half in (0, 1):
                chosen = np.flatnonzero((half_M == half) & (advantages_M != 0.0))
                if len(chosen):
                    replies = self._prompts(half)[i] * batch.group_size
                    factors = torch.as_tensor(advantages_M[chosen] * scale / replies, dtype=torch.float32, device=device)
                    cells.append(Cell(half * len(self._live) + i, torch.as_tensor(chosen, device=device), factors))
        return cells

    def estimate(self, cells_CC: Floats) -> "Estimate":
        batch = self._batch
        parts_K = [batch.objectives[k].part for k in self._live]
        step_prompts_K = np.array([np.sum(batch.part_P == part) for part in parts_K])
        return estimate(cells_CC, np.stack([self._prompts(0), self._prompts(1)]), step_prompts_K, parts_K)

    def _prompts(self, half: int) -> NDArray[np.int64]:
        """How many prompts of each live objective are in a half."""
        batch = self._batch
        chosen_P = self._probed_P & (batch.half_P == half)
        return np.array([np.sum(chosen_P & (batch.part_P == batch.objectives[k].part)) for k in self._live])


class Estimate(NamedTuple):
    """One probe's findings about K objectives."""

    gram_KK: Floats
    """What the Gram matrix of the step's gradients is on average."""
    cross_KK: Floats
    """The same without noise, from two halves with different prompts; NaN where an objective has one prompt only."""


def estimate(cells_CC: Floats, prompts_2K: NDArray[np.int64], step_prompts_K: NDArray[np.int64], parts_K: Sequence[str]) -> Estimate:
    """From the Gram matrix of 2K cells (first halves, then second), each the mean gradient over its prompts.

    `prompts_2K` counts the prompts of each half, `step_prompts_K` those that the whole step has. Objectives of different parts have
    different prompts, objectives of one part the same ones.
    """
    k = prompts_2K.shape[1]
    probed_K = prompts_2K.sum(axis=0)
    share_2K = prompts_2K / np.maximum(probed_K, 1)
    mixing = np.hstack([np.diag(share_2K[0]), np.diag(share_2K[1])])
    total_KK = mixing @ cells_CC @ mixing.T
    across = cells_CC[:k, k:]
    cross_KK = (across + across.T) / 2.0
    same = np.array([[a == b for b in parts_K] for a in parts_K])
    cross_KK[same & ~np.logical_and.outer(*[(prompts_2K > 0).all(axis=0)] * 2)] = np.nan
    cross_KK = np.where(same, cross_KK, total_KK)
    ratio_K = np.minimum(probed_K / np.maximum(step_prompts_K, 1), 1.0)
    known = np.where(np.isnan(cross_KK), total_KK, cross_KK)
    return Estimate(known + (total_KK - known) * ratio_K[:, None], cross_KK)


@dataclass(frozen=True)
class GramAverage:
    """Exponential averages of `Estimate`s over a run, entry by entry: objectives come and go from step to step."""

    names: tuple[str, ...]
    """Every objective that the run can have; entries are in this order."""
    gram: Floats
    gram_weight: Floats
    cross: Floats
    cross_weight: Floats

    @classmethod
    def empty(cls, names: Sequence[str]) -> "GramAverage":
        return cls(tuple(names), *(np.zeros((len(names), len(names))) for _ in range(4)))

    def with_estimate(self, found: Estimate, names: Sequence[str], keep: float) -> "GramAverage":
        """`names` are the objectives that were measured, `keep` in [0, 1) the share of the past that stays."""
        seen = self._entries(names)

        def updated(old: Floats, weight: Floats, new: Floats) -> tuple[Floats, Floats]:
            known = ~np.isnan(new)
            averaged, weighed = old.copy(), weight.copy()
            averaged[seen] = np.where(known, keep * old[seen] + (1 - keep) * np.nan_to_num(new), old[seen])
            weighed[seen] = np.where(known, keep * weight[seen] + (1 - keep), weight[seen])
            return averaged, weighed

        return GramAverage(self.names, *updated(self.gram, self.gram_weight, found.gram_KK), *updated(self.cross, self.cross_weight, found.cross_KK))

    def gram_of(self, names: Sequence[str]) -> Floats:
        """The averaged Gram matrix of some objectives; 0 between two that never met."""
        return self._mean(self.gram, self.gram_weight, 0.0)[self._entries(names)]

    def cross_of(self, names: Sequence[str]) -> Floats:
        """Its part without noise; NaN where it never could be told."""
        return self._mean(self.cross, self.cross_weight, np.nan)[self._entries(names)]

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name).tolist() for name in ("gram", "gram_weight", "cross", "cross_weight")}
        return {"names": list(self.names), **values}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "GramAverage":
        return cls(tuple(values["names"]), *(np.array(values[name]) for name in ("gram", "gram_weight", "cross", "cross_weight")))

    def _entries(self, names: Sequence[str]) -> Any:
        places = [self.names.index(name) for name in names]
        return np.ix_(places, places)

    @staticmethod
    def _mean(total: Floats, weight: Floats, unknown: float) -> Floats:
        return np.divide(total, weight, out=np.full(total.shape, unknown), where=weight > 0.0)
