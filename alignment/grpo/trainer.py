"""Capability-aware GRPO: TRL's trainer with advantages per component and gradients per capability.

One optimizer step is one generation batch: the prompts of a step, a group of replies each. After generation the rows are taken apart by
objective (a capability, or a capability's anchor), each objective gets its own backward passes, and the gradients, which are those of the
LoRA parameters alone and so are small, become one by `alignment.grpo.balance`. This is the exact form; it needs all gradients on one
device and refuses to run on several processes.

Each override below says what it relies on upstream (trl 1.16, transformers 5.19).
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors import SafetensorError
from transformers import PrinterCallback

from alignment.grpo.advantages import group_advantages
from alignment.grpo.balance import balance, conflict_rate, cosines, min_norm_weights
from alignment.grpo.config import training_config
from alignment.grpo.policy import Policy
from alignment.grpo.schedule import ANCHOR_PREFIX, Schedule, capability_of, objective_of
from alignment.grpo.upstream import GRPOTrainer
from alignment.recipe import Recipe
from alignment.rewards import COMPONENTS, ComponentScorer, banded_reward, component_weights
from core.artifacts import new_artifact
from core.errors import ArtifactError, TrainingError
from core.knowledge.evidence import with_evidence
from core.types import Capability, Item, Score, TrainingSample

KEPT_CHECKPOINTS = 2
_ROW_TENSORS = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "advantages", "ref_per_token_logps")
_COMPLETION_TENSORS = ("completion_ids", "completion_mask", "ref_per_token_logps")


class CapabilityTrainer(GRPOTrainer):
    """`score` gives a reply's components; `kept` is the folder for resumable checkpoints (`step-N`, each whole or absent).

    After each step `report` holds that step's numbers as plain JSON values (keys: see `_report_rewards`, `_report_gradients`).
    """

    def __init__(
        self,
        policy: Policy,
        samples: Sequence[TrainingSample],
        plan: Schedule,
        recipe: Recipe,
        score: Callable[[Item, str], Mapping[str, Score]],
        kept: Path,
        scratch: Path,
    ) -> None:
        self.recipe = recipe
        self.report: dict[str, Any] = {}
        self._samples = samples
        self._objectives = sorted({objective_of(sample) for sample in samples})
        self._components = COMPONENTS
        self._kept = kept
        scorer = ComponentScorer(score)
        prompts = Dataset.from_list([{"prompt": [m.model_dump() for m in with_evidence(s.messages, s.evidence)], "sample": i} for i, s in enumerate(samples)])
        super().__init__(
            model=policy.model,
            processing_class=policy.tokenizer,
            reward_funcs=[_reward_function(name, samples, scorer) for name in self._components],
            args=training_config(recipe, plan, scratch),
            train_dataset=prompts.select(plan.order),
        )
        self.remove_callback(PrinterCallback)  # the journal tells instead
        if self.accelerator.num_processes > 1:
            raise TrainingError("Gradients are kept apart on one device; start the training with a single process")

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> torch.Tensor:
        """Relies on upstream returning the raw (N, F) rewards in the order of `reward_funcs`, with NaN where one is unscored."""
        rewards_NF = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self._values_NF = rewards_NF.double().cpu().numpy()
        return rewards_NF

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        """Replaces upstream's advantages, which mix components before normalising, or capabilities while doing so.

        Relies on: rows come group by group, `num_generations` at a time; the returned dict's tensors of first dimension N are
        shuffled together afterwards, so one more tensor saying which objective a row belongs to survives.
        """
        rows = super()._generate_and_score_completions(inputs)
        values_PGF = self._values_NF.reshape(-1, self.num_generations, len(self._components))
        weights_P = [component_weights(self._samples[row["sample"]].capability) for row in inputs[:: self.num_generations]]
        advantages_PG = np.stack([group_advantages(v_GF, self._components, w) for v_GF, w in zip(values_PGF, weights_P, strict=True)])
        objectives_N = [self._objectives.index(objective_of(self._samples[row["sample"]])) for row in inputs]
        device = rows["advantages"].device
        rows["advantages"] = torch.tensor(advantages_PG.reshape(-1), dtype=torch.float32, device=device)
        rows["objective"] = torch.tensor(objectives_N, device=device)
        self._report_rewards(np.array(objectives_N), advantages_PG, int(rows["completion_mask"].sum()))
        return rows

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Generation, one backward per objective, and the combined gradient left in `.grad`.

        Relies on: with one accumulation step, transformers calls this once per optimizer step and clips and applies whatever is in
        `.grad` right after it (the callback before the optimizer step would come after clipping); `_prepare_inputs` generates when
        `_step` is a multiple of `steps_per_generation` (1 here); the gradients were zeroed before.
        """
        started = time.perf_counter()
        self.report = {}
        model.train()
        rows = self._prepare_inputs(inputs)
        parameters = [p for p in model.parameters() if p.requires_grad]
        present = sorted(set(rows["objective"].tolist()))
        live_K = np.array([bool(rows["advantages"][rows["objective"] == k].any()) for k in present])
        losses, gradients_K = [], []
        for k in present:
            losses.append(self._backward(model, rows, rows["objective"] == k))
            gradients_K.append([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters])
            for parameter in parameters:
                parameter.grad = None
        weights_K = self._base_weights(rows["objective"], present)
        coefficients_K = self._combine(_gram(gradients_K), weights_K, live_K, [self._objectives[k] for k in present])
        for i, parameter in enumerate(parameters):
            parameter.grad = torch.stack([g[i] * float(c) for g, c in zip(gradients_K, coefficients_K, strict=True)]).sum(dim=0)
        self._step += 1
        self.report["seconds"] = time.perf_counter() - started
        self.report["tokens_per_second"] = self.report["completion_tokens"] / self.report["seconds"]
        return torch.stack([loss * float(w) for loss, w in zip(losses, weights_K, strict=True)]).sum()

    def _backward(self, model: Any, rows: Any, chosen_N: torch.Tensor) -> torch.Tensor:
        """Mean loss of the chosen rows, in micro-batches; relies on the loss `dr_grpo` dividing by the rows it is given and a constant."""
        indices = chosen_N.nonzero().flatten()
        total = torch.zeros((), device=indices.device)
        for chunk in indices.split(self.recipe.micro_batch):
            part = _without_padding({name: tensor[chunk] for name, tensor in rows.items() if name in _ROW_TENSORS})
            with self.compute_loss_context_manager():
                loss = self.compute_loss(model, part) * (len(chunk) / len(indices))
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _base_weights(self, objectives_N: torch.Tensor, present: Sequence[int]) -> np.ndarray:
        """Share of the step's training prompts; anchors weigh nothing, they only constrain."""
        counts = [0 if self._objectives[k].startswith(ANCHOR_PREFIX) else int((objectives_N == k).sum()) for k in present]
        return np.array(counts, dtype=np.float64) / max(sum(counts), 1)

    def _combine(self, gram_KK: np.ndarray, weights_K: np.ndarray, live_K: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Factors of the objectives' gradients. An objective whose groups are all flat has no policy gradient to oppose."""
        if not np.isfinite(gram_KK).all():
            raise TrainingError(f"The gradient is not finite at step {self.state.global_step + 1}; a smaller learning_rate may help")
        balanced = balance(gram_KK, weights_K, live_K)
        matrix_KK = np.where(np.outer(live_K, live_K), cosines(gram_KK), np.nan)
        hull = gram_KK[np.ix_(live_K, live_K)]
        shortest = min_norm_weights(hull)
        self.report |= {
            "objectives": list(names),
            "weights": _by_name(names, weights_K),
            "multipliers": _by_name(names, balanced.multipliers_K if self.recipe.strategy == "balanced" else np.zeros(len(names))),
            "cosines": [[None if np.isnan(c) else round(float(c), 5) for c in row] for row in matrix_KK],
            "conflict_rate": conflict_rate(matrix_KK),
            "projected_away": balanced.projected_away if self.recipe.strategy == "balanced" else 0.0,
            "min_norm": float(np.sqrt(max(shortest @ hull @ shortest, 0.0))) if live_K.any() else 0.0,
            "gradient_norms": _by_name(names, np.sqrt(np.diag(gram_KK))),
        }
        if not live_K.any():
            # No group tells its replies apart. What is left is rounding in the KL term, and Adam would make a full step of it.
            return np.zeros(len(names))
        return balanced.coefficients_K if self.recipe.strategy == "balanced" else weights_K

    def _report_rewards(self, objectives_N: np.ndarray, advantages_PG: np.ndarray, completion_tokens: int) -> None:
        components: dict[str, dict[str, float]] = {}
        rewards: dict[str, float] = {}
        capabilities_N = [capability_of(self._objectives[k]) for k in objectives_N]
        banded_N = np.array([_banded(row, self._components, capability) for row, capability in zip(self._values_NF, capabilities_N, strict=True)])
        for k in sorted(set(objectives_N.tolist())):
            chosen, name = objectives_N == k, self._objectives[k]
            components[name] = {c: m for c, m in zip(self._components, map(_mean, self._values_NF[chosen].T), strict=True) if m is not None}
            if (reward := _mean(banded_N[chosen])) is not None:
                rewards[name] = reward
        self.report |= {
            "components": components,
            "rewards": rewards,
            "reward": _mean(banded_N),
            "zero_variance": float(np.mean(~advantages_PG.any(axis=1))),
            "unscored": float(np.mean(np.isnan(self._values_NF).all(axis=1))),
            "completion_tokens": completion_tokens,
        }

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """A checkpoint appears under `kept` whole or not at all; the newest two stay.

        Relies on transformers writing everything under `args.output_dir/checkpoint-N`. TRL's own layer, a model card and the state of an
        entropy controller that is not used, is left out. Raises TrainingError when the disk is full.
        """
        step = self.state.global_step
        draft = Path(self.args.output_dir) / f"checkpoint-{step}"
        try:
            with new_artifact(self._kept / f"step-{step:06d}") as folder:
                super(GRPOTrainer, self)._save_checkpoint(model, trial)
                # TRL's frozen copy of the parent adapter is made anew at every start. Saved, it would keep transformers from loading
                # the adapter that learns: where there are folders of adapters, it loads those alone.
                shutil.rmtree(draft / "ref", ignore_errors=True)
                for path in draft.iterdir():
                    path.rename(folder / path.name)
        # A full disk reaches us as any of these: torch and safetensors wrap what the operating system said.
        except (ArtifactError, OSError, RuntimeError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise TrainingError(f"Step {step} could not be saved ({reason}). Free some disk space: the round then resumes where it was last saved") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for old in sorted(self._kept.glob("step-*"))[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)


def _without_padding(part: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Cuts the columns in which every row is padding: replies of one capability are of similar length, of several they are not.

    Prompts are padded on the left, completions on the right; the loss `dr_grpo` does not look at the width.
    """
    start = int(part["prompt_mask"].any(dim=0).int().argmax())
    width = max(int(part["completion_mask"].sum(dim=1).max()), 1)
    cut = {name: part[name][:, :width] for name in _COMPLETION_TENSORS if name in part}
    return {**part, **cut, "prompt_ids": part["prompt_ids"][:, start:], "prompt_mask": part["prompt_mask"][:, start:]}


def _reward_function(component: str, samples: Sequence[TrainingSample], scorer: ComponentScorer) -> Callable[..., list[float | None]]:
    """One component as TRL wants it: called with the batch's columns, answers one value or None per reply."""

    def reward(completions: Sequence[Sequence[Mapping[str, str]]], sample: Sequence[int], **_: Any) -> list[float | None]:
        return [scorer.value(samples[i], reply[0]["content"], component) for i, reply in zip(sample, completions, strict=True)]

    reward.__name__ = component
    return reward


def _gram(gradients_K: Sequence[Sequence[torch.Tensor]]) -> np.ndarray:
    """Inner products in double precision, one parameter at a time so that nothing of all gradients' size is copied."""
    gram_KK = np.zeros((len(gradients_K), len(gradients_K)))
    for same_parameter in zip(*gradients_K, strict=True):
        stacked = torch.stack([g.detach().double().flatten() for g in same_parameter])
        gram_KK += (stacked @ stacked.T).cpu().numpy()
    return gram_KK


def _by_name(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _banded(values_F: np.ndarray, components: Sequence[str], capability: Capability) -> float:
    scores = {n: Score(name=n, value=None if np.isnan(v) else float(v)) for n, v in zip(components, values_F, strict=True)}
    reward = banded_reward(scores, capability)
    return np.nan if reward is None else reward


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
