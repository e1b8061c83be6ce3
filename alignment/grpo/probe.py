"""Gradients of the objectives while one ordinary backward pass goes by, and what their Gram matrix is without noise.

A LoRA layer is a linear layer with a trained matrix W, whose gradient is the sum over tokens of delta x^T with the layer's input x and the
gradient delta at its output. Hooks see both, so the sum is taken once for each *cell* (rows of one objective, each with a factor) beside
what autograd does anyway, and no `.grad` is touched: gradients that are sharded or reduced (DDP, FSDP, ZeRO) are left alone. Passes are of one
part each, so a whole part's gradient is read off the step's own backward pass; components that share their replies, and parts that the step
gives no weight to, get a small pass of their own.

*Noise.* A sampled gradient's inner product with itself holds its noise: E|g_hat|^2 = |g|^2 + tr S / prompts, and the starter's gradients are to
95 % noise (split-half cosine 0.05 with 5 prompts of 8 replies). A constraint <d, g_hat_k> >= 0 is then met by w_k |g_hat_k|^2 alone, whatever d
does to the true g_k. So the programme sees products of different prompts: this step's gradient of one objective times the average of
earlier steps' gradients of the other. Each step is paired with about 1 / (1 - keep) earlier ones, which makes the products less noisy than
those of two halves of a step by the square root of that, and they exist where a part has one prompt. Given which objectives
are live, the coefficients depend on earlier steps alone, so E<d, g_k> is what the programme says it is, as far as the average has kept up with the
policy.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from alignment.arrays import Floats
from alignment.grpo.batch import Batch
from alignment.grpo.passes import Pass

SIGNAL_FLOOR = 0.05
"""An objective's |g|^2 is taken for no less than this share of what it measures with its noise: its multiplier multiplies the noise too."""


class Cell(NamedTuple):
    """Rows of the next forward pass whose gradients are added up, each with its factor."""

    number: int
    rows: torch.Tensor
    factors: torch.Tensor


@dataclass
class CellGradients:
    """The gradients of `count` cells with respect to the weights of trained linear layers, summed over passes."""

    count: int
    cells: Sequence[Cell] = ()
    """Those of the next pass."""
    entry: torch.Tensor | None = None
    """The embeddings of the newest forward pass: a backward pass for the cells alone ends there."""
    sums: dict[int, torch.Tensor] = field(default_factory=dict)
    """By layer: (count, out, in), float32."""

    def backward(self, value: torch.Tensor) -> None:
        """From one number of the newest forward pass; parameters' own gradients are not computed."""
        torch.autograd.grad(value, self.entry)

    def gram(self) -> Floats:
        """Inner products (count, count) of the cells."""
        return _products(self.sums, self.sums)

    def add(self, layer: int, inputs: torch.Tensor, deltas: torch.Tensor) -> None:
        if layer not in self.sums:
            self.sums[layer] = torch.zeros(self.count, deltas.shape[-1], inputs.shape[-1], device=deltas.device)
        for cell in self.cells:
            weighted = deltas[cell.rows].float() * cell.factors[:, None, None]
            self.sums[layer][cell.number] += weighted.flatten(0, 1).T @ inputs[cell.rows].float().flatten(0, 1)


class _Tap(torch.autograd.Function):
    """The identity, whose backward pass hands on what goes by.

    The layer's input is kept as autograd keeps it for the layer itself: stored once, and under gradient checkpointing let go and made anew.
    """

    @staticmethod
    def forward(ctx: Any, output: torch.Tensor, inputs: torch.Tensor, gathered: CellGradients, layer: int) -> torch.Tensor:
        ctx.save_for_backward(inputs)
        ctx.gathered, ctx.layer = gathered, layer
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, delta: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        ctx.gathered.add(ctx.layer, ctx.saved_tensors[0], delta)
        return delta, None, None, None


def trained_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The linear layers whose weights learn: the two matrices of every LoRA."""
    return [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.weight.requires_grad]


@contextmanager
def cell_gradients(layers: Sequence[torch.nn.Module], embeddings: torch.nn.Module, count: int) -> Iterator[CellGradients]:
    """While open, every backward pass adds the `cells` that were set before its forward pass to `sums`.

    Relies on a layer being called with one (rows, tokens, features) tensor, and on the embeddings being the way into the model.
    """
    gathered = CellGradients(count)

    def of_layer(i: int) -> Any:
        def listen(_module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> Any:
            return _Tap.apply(output, inputs[0], gathered, i) if output.requires_grad else output

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
    """Which rows of a step are measured, and what for. Cell i is the gradient of the loss of objective `names[i]`."""

    def __init__(self, batch: Batch, prompts: int) -> None:
        """`prompts` of each part in passes of their own, 0 for all."""
        self._batch = batch
        self._measured = np.flatnonzero(batch.live_K).tolist()
        place_P = np.array([np.sum(batch.part_P[:i] == part) for i, part in enumerate(batch.part_P)])
        self._probed_P = place_P < prompts if prompts else np.ones(len(place_P), dtype=bool)

    @property
    def names(self) -> list[str]:
        return [self._batch.names[k] for k in self._measured]

    def riding(self, one: Pass, share: float, device: torch.device) -> list[Cell]:
        """The cell of a pass that the step makes anyway, with the coefficient `share`; none for components: they share its rows, and bands order it."""
        own = [i for i, k in enumerate(self._measured) if self._batch.names[k] == one.part]
        if not own or not len(one.mine):
            return []
        rows = torch.arange(len(one.mine), device=device)
        return [Cell(own[0], rows, torch.full((len(rows),), 1.0 / share, device=device))]

    def left_out(self, ridden: Collection[str]) -> list[str]:
        """Parts whose objectives no pass of the step shows."""
        measured = [self._batch.objectives[k] for k in self._measured]
        return sorted({o.part for o in measured if o.component is not None or o.part not in ridden})

    def rows_of(self, part: str) -> Any:
        """The rows (N,) of a part to measure; those that no objective tells from their group have no gradient."""
        batch = self._batch
        return (batch.part_N == part) & batch.advantages_NK.any(axis=1) & np.repeat(self._probed_P, batch.group_size)

    def cells_of(self, one: Pass, first_row: int, scale: float, device: torch.device) -> list[Cell]:
        """The cells of a pass of its own, whose value is the sum of log-probabilities; `first_row` is where this process's rows begin.

        A cell is the mean over the part's probed replies, times `scale`, with the sign of a loss.
        """
        batch, cells = self._batch, []
        replies = int(np.sum(self._probed_P & (batch.part_P == one.part))) * batch.group_size
        for i, k in enumerate(self._measured):
            advantages_M = batch.advantages_NK[one.mine + first_row, k]
            chosen = np.flatnonzero(advantages_M)
            if len(chosen):
                factors = torch.as_tensor(-advantages_M[chosen] * scale / replies, dtype=torch.float32, device=device)
                cells.append(Cell(i, torch.as_tensor(chosen, device=device), factors))
        return cells


@dataclass
class PastGradients:
    """Exponential averages of every objective's gradient: one LoRA gradient each, the same on every process."""

    names: tuple[str, ...]
    """Every objective that the run can have."""
    layers: dict[int, torch.Tensor] = field(default_factory=dict)
    """By layer: (K, out, in), float32."""
    weights_K: Floats = field(default_factory=lambda: np.zeros(0))
    """How much of each average is there; 1 in the long run."""

    def __post_init__(self) -> None:
        if not len(self.weights_K):
            self.weights_K = np.zeros(len(self.names))

    def met(self, found: CellGradients, names: Sequence[str], keep: float) -> "Estimate":
        """The products of what a step has found with each other and with the past, which it then becomes part of."""
        places = [self.names.index(name) for name in names]
        for layer, gradients in found.sums.items():
            if layer not in self.layers:
                self.layers[layer] = torch.zeros(len(self.names), *gradients.shape[1:], device=gradients.device)
        past = {layer: self.layers[layer][places] for layer in found.sums}
        with np.errstate(divide="ignore", invalid="ignore"):
            across = _products(found.sums, past) / self.weights_K[places]
        known = np.isfinite(across)
        count = known.astype(float) + known.T
        both = np.where(known, across, 0.0) + np.where(known, across, 0.0).T
        cross_KK = np.divide(both, count, out=np.full(both.shape, np.nan), where=count > 0.0)
        for layer, gradients in found.sums.items():
            self.layers[layer][places] = keep * self.layers[layer][places] + (1.0 - keep) * gradients
        self.weights_K[places] = keep * self.weights_K[places] + (1.0 - keep)
        return Estimate(found.gram(), cross_KK)

    def tensors(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return {f"layer.{layer}": t.cpu() for layer, t in self.layers.items()} | {"weights": torch.from_numpy(self.weights_K.copy())}

    @classmethod
    def from_tensors(cls, names: Sequence[str], tensors: Mapping[str, torch.Tensor], device: torch.device) -> "PastGradients":
        layers = {int(name.removeprefix("layer.")): t.to(device) for name, t in tensors.items() if name != "weights"}
        return cls(tuple(names), layers, tensors["weights"].numpy().copy())


class Estimate(NamedTuple):
    """One step's findings about K objectives."""

    gram_KK: Floats
    """Inner products of the sampled gradients, noise among them."""
    cross_KK: Floats
    """The same between different prompts, without noise but for chance; NaN where there is no past yet."""


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
        """The averaged Gram matrix of some objectives with its noise; 0 between two that never met."""
        return self._mean(self.gram, self.gram_weight, 0.0)[self._entries(names)]

    def cross_of(self, names: Sequence[str]) -> Floats:
        """The same without noise; NaN where it never could be told."""
        return self._mean(self.cross, self.cross_weight, np.nan)[self._entries(names)]

    def signal_of(self, names: Sequence[str]) -> Floats:
        """The nearest to `cross_of` that a Gram matrix can be, lengths not below `SIGNAL_FLOOR`: what the programme is to see.

        What is not known yet opposes nothing.
        """
        total_K, cross_KK = np.diag(self.gram_of(names)), self.cross_of(names)
        known_K = np.where(np.isnan(np.diag(cross_KK)), total_K, np.diag(cross_KK))
        signal_KK = np.nan_to_num(cross_KK)
        np.fill_diagonal(signal_KK, np.maximum(known_K, SIGNAL_FLOOR * total_K))
        lengths_K = np.sqrt(np.diag(signal_KK))
        scale_KK = np.outer(lengths_K, lengths_K)
        values, vectors = np.linalg.eigh(np.divide(signal_KK, scale_KK, out=np.zeros_like(signal_KK), where=scale_KK > 0.0))
        return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T * scale_KK)

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


def _products(a: Mapping[int, torch.Tensor], b: Mapping[int, torch.Tensor]) -> Floats:
    """Inner products in double precision, one layer at a time so that nothing of all gradients' size is copied."""
    total: Any = 0.0
    for layer, gradients in a.items():
        total = total + (gradients.flatten(1).double() @ b[layer].flatten(1).double().T).cpu().numpy()
    return np.asarray(total)
