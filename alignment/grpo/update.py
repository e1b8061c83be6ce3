"""Projects the optimizer's actual step instead of the gradient, since Adam does not keep the constraint.

Adam moves by -P m with a moving average m of gradients and a diagonal preconditioner P. That P is a metric: the step nearest to Adam's own,
measured in it, that opposes no objective is

    u' = argmin (u' - u)^T P^-1 (u' - u)   subject to   <u', g_k> >= 0,        u' = u + sum_k lambda_k P g_k,   lambda >= 0,

the same quadratic programme, on the Gram matrix of the vectors u, P g_1 .. P g_K with the inner product x^T P^-1 y, where u alone has a
weight. The optimizer gets the plain gradient, so its averages are those of the plain run. A variant for comparison, with `exact` alone.
"""

from collections.abc import Sequence
from math import isnan
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import TrainerCallback

from alignment.grpo.balance import Balance, balance
from alignment.grpo.batch import Batch
from alignment.grpo.gradients import Gradient, along, gram
from alignment.grpo.report import by_name


class Projected(NamedTuple):
    step: list[torch.Tensor]
    balance: Balance
    """Its multipliers are those of u, which has none, and of the K objectives."""


def projected_update(step: Gradient, preconditioner: Gradient, ascents_K: Sequence[Gradient], live_K: Any) -> Projected:
    """`step` as the optimizer made it, `ascents_K` the directions g_k that improve each objective, `preconditioner` positive, entry by entry."""
    roots = [p.sqrt() for p in preconditioner]
    vectors = [[u / r for u, r in zip(step, roots, strict=True)], *([x * r for x, r in zip(g, roots, strict=True)] for g in ascents_K)]
    found = balance(gram(vectors), np.array([1.0] + [0.0] * len(ascents_K)), np.array([False, *live_K]))
    multipliers = [float(m) for m in found.multipliers_K[1:]]
    moved = [
        u + p * sum((m * x for m, x in zip(multipliers, g, strict=True) if m), torch.zeros_like(u))
        for u, p, *g in zip(step, preconditioner, *ascents_K, strict=True)
    ]
    return Projected(moved, found)


class ActualUpdate(TrainerCallback):
    """Looks at the step that the optimizer has made, and if asked to puts the projected one in its place.

    Adds `update_cosines` to the report: each objective's cosine with what really happened. Relies on transformers calling
    `on_pre_optimizer_step` and `on_optimizer_step` right before and after the optimizer's step, and on torch's AdamW keeping `exp_avg_sq`
    and `step` for each parameter.
    """

    def __init__(self, trainer: Any, projects: bool) -> None:
        self._trainer, self._projects = trainer, projects
        self._parameters: Sequence[torch.Tensor] = ()
        trainer.add_callback(self)

    def hold(self, parameters: Sequence[torch.Tensor], gradients_K: Sequence[Gradient], batch: Batch) -> None:
        """This step's parameters and the gradients of the objectives' losses, which are taken over; a step without them is let be."""
        self._parameters, self._batch, self._ascents_K = parameters, batch, gradients_K
        for gradient in gradients_K:
            torch._foreach_neg_(gradient)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._before = [p.detach().clone() for p in self._parameters]

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self._parameters:
            return
        with torch.no_grad():
            step = [p - before for p, before in zip(self._parameters, self._before, strict=True)]
            if self._projects:
                step = self._project(step)
            cosines_K = along(step, self._ascents_K)
        self._trainer.report["update_cosines"] = {name: c for name, c in by_name(self._batch.names, cosines_K).items() if not isnan(c)}
        self._parameters, self._before, self._ascents_K = (), [], []

    def _project(self, step: list[torch.Tensor]) -> list[torch.Tensor]:
        optimizer = getattr(self._trainer.optimizer, "optimizer", self._trainer.optimizer)
        group = optimizer.param_groups[0]
        scales = [_preconditioner(optimizer.state[p], group["betas"][1], group["eps"]) for p in self._parameters]
        projected = projected_update(step, scales, self._ascents_K, self._batch.live_K)
        for parameter, before, moved in zip(self._parameters, self._before, projected.step, strict=True):
            parameter.copy_(before + moved)
        self._trainer.report |= {
            "multipliers": by_name(self._batch.names, projected.balance.multipliers_K[1:]),
            "projected_away": projected.balance.projected_away,
        }
        return projected.step


def _preconditioner(state: Any, beta2: float, eps: float) -> torch.Tensor:
    """1 / (sqrt(v) + eps), entry by entry, with v corrected for its start at zero."""
    corrected = state["exp_avg_sq"] / (1.0 - beta2 ** float(state["step"]))
    return 1.0 / (corrected.sqrt() + eps)
