"""What a run learns beside the adapter, and a resumed run must know: the averaged Gram matrix, base weights, KL weights.

The generator of the strategies that draw is kept with it. Frozen values; every step makes the next ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alignment.arrays import Floats
from alignment.grpo import budget, weights
from alignment.grpo.batch import Batch
from alignment.grpo.budget import KlBudget, budget_for
from alignment.grpo.objectives import Objective, capability_of
from alignment.grpo.probe import GramAverage
from alignment.grpo.weights import Weights, weights_from
from alignment.recipe import Recipe
from core.types import Capability

Rules = Callable[[Capability], Mapping[str, float]]
"""The weights of a capability's components."""


@dataclass(frozen=True)
class Learnt:
    average: GramAverage
    capabilities: Weights
    """Factors on the shares of the step's rows; equal to begin with."""
    components: Mapping[str, Weights]
    """By capability."""
    budget: KlBudget

    @classmethod
    def at_start(cls, objectives: Sequence[Objective], rules: Rules) -> "Learnt":
        trained = sorted({capability_of(o.part) for o in objectives if not o.is_anchor})
        return cls(
            GramAverage.empty([o.name for o in objectives]),
            weights_from(dict.fromkeys(trained, 1.0)),
            {capability: weights_from(rules(capability)) for capability in trained},
            budget_for(sorted({capability_of(o.part) for o in objectives})),
        )

    def component_weights(self, capability: Capability, rules: Rules, recipe: Recipe) -> Mapping[str, float]:
        if not recipe.weight_rate or capability not in self.components:
            return rules(capability)
        return self.components[capability].values(recipe.weight_floor)

    def base_weights(self, batch: Batch, weights_of: Rules, recipe: Recipe) -> Floats:
        """Share of the step's rows times the capability's factor, divided among a part's objectives by their components' weights.

        Together 1. Anchors have their rows' share, which no factor moves: measured, anchors that only constrained cost a quarter of the prompts
        and protected nothing that training on them did not. `weights_of` are the components' weights of this step, models' among them.
        """
        factors = self.capabilities.values(recipe.weight_floor) if recipe.weight_rate else {}
        weights_K = np.zeros(len(batch.objectives))
        for part in batch.parts:
            own = [k for k, o in enumerate(batch.objectives) if o.part == part]
            by_component = weights_of(capability_of(part))
            shares = np.array([1.0 if (c := batch.objectives[k].component) is None else by_component[c] for k in own])
            if own:
                weights_K[own] = len(batch.rows_of(part)) * factors.get(part, 1.0) * shares / shares.sum()
        return weights_K / weights_K.sum() if weights_K.any() else weights_K

    def beta_of(self, capability: Capability, recipe: Recipe) -> float:
        return self.budget.betas(recipe.beta)[capability] if recipe.kl_budget else recipe.beta

    def after(self, report: Mapping[str, Any], recipe: Recipe) -> "Learnt":
        """After a step that told this (`rewards`, `components`, `kl_by_capability`)."""
        now = self
        if recipe.weight_rate:
            rate, pull = recipe.weight_rate, recipe.weight_pull
            components = {c: weights.step(w, report["components"].get(c, {}), rate, pull) for c, w in self.components.items()}
            now = replace(now, capabilities=weights.step(self.capabilities, report["rewards"], rate, pull), components=components)
        if recipe.kl_budget and recipe.beta:
            now = replace(now, budget=budget.step(self.budget, report["kl_by_capability"], recipe.kl_budget, recipe.kl_rate))
        return now

    def report(self, batch: Batch, weights_of: Rules, recipe: Recipe) -> dict[str, Any]:
        """`capability_weights` are factors, 1 where nothing has moved."""
        factors, capabilities = self.capabilities.values(recipe.weight_floor), sorted({capability_of(part) for part in batch.parts})
        return {
            "capability_weights": {c: factors[c] if recipe.weight_rate else 1.0 for c in capabilities if c in factors},
            "component_weights": {c: {name: w for name, w in weights_of(c).items() if w} for c in capabilities},
            "betas": {c: self.beta_of(c, recipe) for c in capabilities},
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "average": self.average.to_json(),
            "capabilities": self.capabilities.model_dump(),
            "components": {capability: w.model_dump() for capability, w in self.components.items()},
            "budget": self.budget.model_dump(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Learnt":
        return cls(
            GramAverage.from_json(values["average"]),
            Weights.model_validate(values["capabilities"]),
            {capability: Weights.model_validate(w) for capability, w in values["components"].items()},
            KlBudget.model_validate(values["budget"]),
        )
