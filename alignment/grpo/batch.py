"""One step's replies as numbers: which part each belongs to, what each objective thinks of it. The same on every process.

A direction sum_k c_k g_k is the policy gradient of one advantage, sum_k c_k A_nk / N_k: everything that a strategy decides comes back as
numbers per row. Pure numpy.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from alignment.arrays import Bools, Floats, Ints
from alignment.grpo.advantages import component_advantages, group_advantages, in_band_order, plain_advantages, whitened_advantages
from alignment.grpo.objectives import Objective, capability_of, part_of
from alignment.rewards import RIGHT, Band, band_of
from core.types import Capability, TrainingSample


class Batch:
    """`values_NF` are the raw components, rows group by group; `samples_P` are the groups' prompts.

    `objectives` are those that the run can have; the batch keeps those of parts that have rows, and of components those that vary.
    """

    def __init__(
        self,
        values_NF: Floats,
        samples_P: Sequence[TrainingSample],
        objectives: Sequence[Objective],
        components: Sequence[str],
        weights: Callable[[Capability], Mapping[str, float]],
        kind: Literal["sum", "gdpo", "components"],
    ) -> None:
        self.components = tuple(components)
        self.values_NF = values_NF
        self.group_size = len(values_NF) // len(samples_P)
        self.part_P = np.array([part_of(sample) for sample in samples_P])
        self.part_N = np.repeat(self.part_P, self.group_size)
        weights_P = [weights(capability_of(part)) for part in self.part_P]
        advantages_PG = self._whole_advantages(weights_P, kind)
        columns = [(o, self._column(o, advantages_PG)) for o in objectives if o.part in set(self.part_P)]
        kept = [(o, a_N) for o, a_N in columns if o.component is None or a_N.any()]
        self.objectives = tuple(o for o, _ in kept)
        self.advantages_NK = np.stack([a_N for _, a_N in kept], axis=1) if kept else np.zeros((len(values_NF), 0))
        """Column k is objective k's own group-normalised advantage, zero on rows that are not of its part."""

    @property
    def names(self) -> list[str]:
        return [o.name for o in self.objectives]

    @property
    def parts(self) -> list[str]:
        return sorted(set(self.part_P.tolist()))

    @cached_property
    def live_K(self) -> Bools:
        """Objectives whose replies differ in worth; the others have no policy gradient to oppose."""
        return np.asarray(self.advantages_NK.any(axis=0))

    @cached_property
    def half_P(self) -> Ints:
        """Every other prompt of a part belongs to the other half, for estimates from two independent halves."""
        half_P = np.zeros(len(self.part_P), dtype=np.int64)
        for part in self.parts:
            members = np.flatnonzero(self.part_P == part)
            half_P[members] = np.arange(len(members)) % 2
        return half_P

    def rows_of(self, part: str) -> Ints:
        return np.flatnonzero(self.part_N == part)

    def members(self, part: str) -> Bools:
        """Which objectives (K,) are about the part."""
        return np.array([o.part == part for o in self.objectives], dtype=bool)

    def combined(self, part: str, coefficients_K: Floats) -> Floats:
        """The one advantage (N,) that the coefficients make of a part's objectives; what is made of components keeps the bands.

        Where the order of the bands moves something the step is not the combination of gradients that was asked for: bands come first.
        """
        own_K = self.members(part)
        said_N = self.advantages_NK[:, own_K] @ coefficients_K[own_K]
        if all(o.component is None for o in self.objectives if o.part == part):
            return said_N
        said_PG = said_N.reshape(-1, self.group_size)
        values_PGF = self.values_NF.reshape(*said_PG.shape, -1)
        return np.stack([in_band_order(a_G, v_GF, self.components) for a_G, v_GF in zip(said_PG, values_PGF, strict=True)]).reshape(-1)

    def flat_share(self) -> float:
        """Share of the prompts whose replies are all worth the same, which teach nothing."""
        return float(np.mean(~self.advantages_NK.any(axis=1).reshape(-1, self.group_size).any(axis=1)))

    def never_and_always(self) -> tuple[float, float]:
        """Shares of the prompts that no reply and that every reply got right: 0 of k and k of k, out of those that were judged at all."""
        if RIGHT not in self.components:
            return 0.0, 0.0
        right_PG = self.values_NF[:, self.components.index(RIGHT)].reshape(-1, self.group_size)
        right_PG = right_PG[np.isfinite(right_PG).any(axis=1)]
        if not len(right_PG):
            return 0.0, 0.0
        judged_PG = np.isfinite(right_PG)
        passed_PG = np.vectorize(lambda r: band_of(float(r), None) is Band.RIGHT, otypes=[bool])(np.nan_to_num(right_PG)) & judged_PG
        return float(np.mean(~passed_PG.any(axis=1))), float(np.mean((passed_PG | ~judged_PG).all(axis=1)))

    def _whole_advantages(self, weights_P: Sequence[Mapping[str, float]], kind: str) -> Floats:
        """(P, G): each reply's advantage by its whole reward."""
        values_PGF = self.values_NF.reshape(len(self.part_P), self.group_size, -1)
        if kind == "gdpo":
            return whitened_advantages(values_PGF, self.components, weights_P)
        one_group = plain_advantages if kind == "sum" else group_advantages
        return np.stack([one_group(v_GF, self.components, w) for v_GF, w in zip(values_PGF, weights_P, strict=True)])

    def _column(self, objective: Objective, advantages_PG: Floats) -> Floats:
        column_PG = advantages_PG
        if objective.component is not None:
            f = self.components.index(objective.component)
            values_PGF = self.values_NF.reshape(*advantages_PG.shape, -1)
            column_PG = np.stack([component_advantages(v_GF, self.components)[:, f] for v_GF in values_PGF])
        return np.where(self.part_N == objective.part, column_PG.reshape(-1), 0.0)
