"""Capability-aware GRPO: TRL's trainer with advantages per objective and a strategy that makes one step of their gradients.

One optimizer step is one generation batch: the prompts of a step, a group of replies each. After generation every process knows the whole
batch as numbers (`Batch`). A strategy turns the objectives' Gram matrix into coefficients: those of one backward pass over one re-weighted
advantage (`sum`, `gdpo`, `balanced`), or of gradients that were kept apart (`pcgrad`, `mgda`, `cagrad`, `exact`). An objective's loss is that
of its part's rows with the KL term. The overrides say what each relies on upstream (trl 1.16, transformers 5.19).
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import PrinterCallback

from alignment.arrays import Floats
from alignment.grpo.batch import Batch
from alignment.grpo.config import training_config
from alignment.grpo.gradients import gram, weighted_sum
from alignment.grpo.kept import PAST, keep_checkpoint, kept_state
from alignment.grpo.learnt import Learnt
from alignment.grpo.objectives import capability_of, is_anchor_part, objectives_of
from alignment.grpo.passes import Pass, passes, rows_of_pass, weighted_passes
from alignment.grpo.policy import Policy
from alignment.grpo.probe import CellGradients, PastGradients, Probe, cell_gradients, trained_layers
from alignment.grpo.report import combination_report, gradient_report, reward_report
from alignment.grpo.reward_functions import reward_function
from alignment.grpo.schedule import Schedule
from alignment.grpo.strategies import Combined, strategy_named
from alignment.grpo.update import ActualUpdate
from alignment.grpo.upstream import GRPOTrainer
from alignment.recipe import Recipe
from alignment.rewards import COMPONENTS, ComponentScorer, RewardModel, component_weights
from core.errors import RecipeError, TrainingError
from core.knowledge.evidence import with_evidence
from core.types import Capability, Item, Score, TrainingSample


class CapabilityTrainer(GRPOTrainer):
    """`score` gives a reply's components by rule, `models` add their own; `kept` is the folder for resumable checkpoints (`step-N`).

    After each step `report` holds that step's numbers as plain JSON values (`alignment.grpo.report`), the same on every process.
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
        *,
        models: Sequence[RewardModel] = (),
        components: Sequence[str] = COMPONENTS,
        weights: Callable[[Capability], Mapping[str, float]] = component_weights,
    ) -> None:
        self.recipe, self.strategy = recipe, strategy_named(recipe.strategy)
        if self.strategy.gradients == "apart" and "true" in (os.environ.get("ACCELERATE_USE_FSDP"), os.environ.get("ACCELERATE_USE_DEEPSPEED")):
            raise RecipeError(f"strategy: {recipe.strategy!r} keeps gradients apart, which needs them whole on every process; use 'balanced' here")
        self.report: dict[str, Any] = {}
        self._samples, self._kept = samples, kept
        self._scorer = ComponentScorer(score, models)
        self._components = (*components, *(model.name for model in models))
        self._models, self._rules = models, weights
        kind = recipe.objectives if self.strategy.advantages == "components" else "capability"
        self._objectives = objectives_of(samples, kind, lambda capability: {**weights(capability), **self._reliability(capability)})
        self._learnt = Learnt.at_start(self._objectives, weights)
        self._past, self._rng = PastGradients(tuple(o.name for o in self._objectives)), np.random.default_rng(recipe.seed)
        self._layers = trained_layers(policy.model)
        prompts = Dataset.from_list([{"prompt": [m.model_dump() for m in with_evidence(s.messages, s.evidence)], "sample": i} for i, s in enumerate(samples)])
        super().__init__(
            model=policy.model,
            processing_class=policy.tokenizer,
            reward_funcs=[reward_function(name, samples, self._scorer) for name in self._components],
            args=training_config(recipe, plan, scratch),
            train_dataset=prompts.select(plan.order),
        )
        self.remove_callback(PrinterCallback)  # the journal tells instead
        self._update = ActualUpdate(self, projects=recipe.projected == "update")

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> torch.Tensor:
        """Relies on upstream returning the raw (N, F) rewards of all processes in the order of `reward_funcs`, NaN where one is unscored."""
        rewards_NF = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self._values_NF = rewards_NF.double().cpu().numpy()
        return rewards_NF

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        """Replaces upstream's advantages, which mix components before normalising, or capabilities while doing so.

        Relies on: rows come group by group, `num_generations` at a time, the first process's before the second's; the returned dict's
        tensors of first dimension N are shuffled together afterwards, so one more that counts the rows tells how to put them back in order.
        """
        rows = super()._generate_and_score_completions(inputs)
        device = self.accelerator.device
        asked_N = self.accelerator.gather(torch.tensor([row["sample"] for row in inputs], device=device)).tolist()
        samples_P = [self._samples[i] for i in asked_N[:: self.num_generations]]
        self._batch = Batch(self._values_NF, samples_P, self._objectives, self._components, self._weights_of, self.strategy.advantages)
        self._tokens_N = self.accelerator.gather(rows["completion_mask"].sum(dim=1)).cpu().numpy()
        rows["row"] = torch.arange(len(inputs), device=device)
        return rows

    def _get_per_token_logps_and_entropies(self, model: Any, *inputs: Any, batch_size: int | None = None, **others: Any) -> Any:
        """Relies on upstream going through its rows `batch_size` at a time; the reference pass would take all rows of a step at once."""
        most = self.recipe.micro_batch
        return super()._get_per_token_logps_and_entropies(model, *inputs, batch_size=min(batch_size or most, most), **others)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Generation, backward passes, and the step's gradient left in `.grad`.

        Relies on: with one accumulation step, transformers calls this once per optimizer step and clips and applies whatever is in
        `.grad` right after it (the callback before the optimizer step would come after clipping); `_prepare_inputs` generates when
        `_step` is a multiple of `steps_per_generation` (1 here); the gradients were zeroed before.
        """
        started = time.perf_counter()
        model.train()
        self.beta = self.recipe.beta  # upstream asks the reference model where it is not 0; each pass then has its own
        rows = self._prepare_inputs(inputs)
        rows = {name: t[rows["row"].argsort()] if isinstance(t, torch.Tensor) and t.dim() > 0 else t for name, t in rows.items()}
        self._kl: dict[str, Floats] = {}
        self.report = reward_report(self._batch) | self._learnt.report(self._batch, self._weights_of, self.recipe)
        apart = self.strategy.gradients == "apart" and self._batch.live_K.any()
        loss = self._step_of_apart(model, rows) if apart else self._step_at_once(model, rows)
        self._must_be_finite("loss", self.accelerator.gather(loss.reshape(1)).cpu().numpy())  # all processes stop, or none
        self.accelerator.gradient_state._set_sync_gradients(True)  # accelerate's optimizer makes its step only then
        self._step += 1
        seconds, generated = time.perf_counter() - started, int(self._tokens_N.sum())
        self.report |= {"completion_tokens": generated, "seconds": seconds, "tokens_per_second": generated / seconds}
        self.report |= {"unscored_models": unscored} if (unscored := self._scorer.tally()) else {}
        whole, tokens = sum(self._kl.values(), np.zeros(2))
        self.report |= {"kl": float(whole / tokens)} if tokens else {}  # upstream's own is a mean over passes, however many tokens each holds
        kl = {part: float(total / seen) for part, (total, seen) in self._kl.items() if seen}
        self.report["kl_by_capability"] = {part: value for part, value in kl.items() if not is_anchor_part(part)}
        self.report["kl_of_anchors"] = {capability_of(part): value for part, value in kl.items() if is_anchor_part(part)}
        self._learnt = self._learnt.after(self.report, self.recipe)
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """A finite loss may have a gradient that is not, and a step along it would be in every checkpoint from then on.

        Relies on transformers calling this after clipping and before the optimizer's step, with the length that all processes share; DeepSpeed may
        not tell it.
        """
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        if norm is not None:
            self._must_be_finite("gradient", float(norm))
        return norm

    def _step_at_once(self, model: Any, rows: Any) -> torch.Tensor:
        """One backward pass over the re-weighted advantages; a probe looks on, for the coefficients of the steps to come."""
        batch = self._batch
        average = self._learnt.average
        coefficients_K = self._combine(average.signal_of(batch.names)).coefficients_K
        planned = weighted_passes(batch, coefficients_K, self._passes)
        probe = Probe(batch, self.recipe.probe_prompts)
        looks = self.strategy.gradients == "probe" and len(probe.names) > 0
        with cell_gradients(self._layers, self.model.get_input_embeddings(), len(probe.names)) if looks else nullcontext() as cells:
            if cells is not None:
                self._look_apart(model, rows, probe, cells, {weighed.one.part for weighed in planned})
            losses = []
            for i, (one, advantages_N, share) in enumerate(planned):
                if cells is not None:
                    cells.cells = probe.riding(one, share, rows["row"].device)
                losses.append(self._backward(model, rows, one, advantages_N, share, sync=i == len(planned) - 1))
        if cells is not None:
            cells.sums = {layer: self.accelerator.reduce(gradients, "mean") for layer, gradients in cells.sums.items()}
            found = self._past.met(cells, probe.names, self.recipe.probe_average)
            self._learnt = replace(self._learnt, average=average.with_estimate(found, probe.names, self.recipe.probe_average))
        if self.strategy.gradients != "none":
            self.report |= gradient_report(batch, self._learnt.average.gram_of(batch.names), self._learnt.average.cross_of(batch.names))
        return torch.stack(losses).sum()

    def _look_apart(self, model: Any, rows: Any, probe: Probe, cells: CellGradients, ridden: Any) -> None:
        """Small passes for what the step's own do not show: components that share their replies, and parts that the step gives no weight to."""
        first, scale = self.accelerator.process_index * len(rows["row"]), self.accelerator.num_processes / self.max_completion_length
        for one in [p for part in probe.left_out(ridden) for p in self._passes(part, probe.rows_of(part))]:
            inputs = rows_of_pass(rows, one, np.zeros(len(one.mine)))
            cells.cells = probe.cells_of(one, first, scale, rows["row"].device)
            ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
            seen = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
            with self.accelerator.no_sync(model):
                logps, _, _ = self._get_per_token_logps_and_entropies(model, ids, seen, inputs["completion_ids"].shape[1])
                cells.backward((logps * inputs["completion_mask"] * inputs.get("importance_sampling_ratio", 1.0)).sum())

    def _step_of_apart(self, model: Any, rows: Any) -> torch.Tensor:
        """Every objective's own gradient, kept apart in two halves of its prompts until their cosine is known; then their sum."""
        batch = self._batch
        parameters, gradients_K = [p for p in model.parameters() if p.requires_grad], list[list[torch.Tensor]]()
        losses_K, cross_K = [], np.full(len(batch.objectives), np.nan)
        for k, objective in enumerate(batch.objectives):
            halves, losses = [], []
            for half in (0, 1):
                chosen_N = (batch.part_N == objective.part) & (np.repeat(batch.half_P, batch.group_size) == half)
                losses += [self._backward(model, rows, p, batch.advantages_NK[:, k], 1.0) for p in self._passes(objective.part, chosen_N)]
                if chosen_N.any():
                    halves.append((chosen_N.sum() / len(batch.rows_of(objective.part)), self._taken(parameters)))
            if len(halves) == 2:
                (a, ga), (b, gb) = halves
                cross_K[k] = gram([ga, gb])[0, 1] / (a * b)
                torch._foreach_add_(ga, gb)
            gradients_K.append(halves[0][1])
            losses_K.append(torch.stack(losses).sum())
        gram_KK = gram(gradients_K)
        self.report |= gradient_report(batch, gram_KK, np.diag(cross_K))
        combined = self._combine(gram_KK)
        coefficients_K = combined.coefficients_K
        if self.recipe.projected == "update":
            coefficients_K = coefficients_K - combined.multipliers_K  # the optimizer gets the plain step, and its own is projected
        for parameter, gradient in zip(parameters, weighted_sum(gradients_K, coefficients_K), strict=True):
            parameter.grad = gradient
        self._update.hold(parameters, gradients_K, batch)
        return (torch.stack(losses_K) * torch.as_tensor(coefficients_K, dtype=torch.float32, device=losses_K[0].device)).sum()

    def _backward(self, model: Any, rows: Any, one: Pass, advantages_N: Floats, share: float, sync: bool = False) -> torch.Tensor:
        """The loss of a pass, as a share of its part's mean loss, and its gradient added to `.grad`.

        Relies on the loss `dr_grpo` dividing by the rows it is given and a constant, weighing the KL term by `self.beta`, and writing that
        term's mean over the tokens of all processes last into the metric `kl`; and on gradients of processes being averaged at `sync`.
        """
        capability, processes = capability_of(one.part), self.accelerator.num_processes
        mine = one.mine + self.accelerator.process_index * len(rows["row"])
        inputs = rows_of_pass(rows, one, advantages_N[mine])
        self.beta = self._learnt.beta_of(capability, self.recipe) * share
        self.accelerator.gradient_state._set_sync_gradients(sync)
        with nullcontext() if sync else self.accelerator.no_sync(model):
            with self.compute_loss_context_manager():
                loss = self.compute_loss(model, inputs) * (one.size * processes / len(self._batch.rows_of(one.part)))
            self.accelerator.backward(loss)
        if self.beta:
            tokens = float(self._tokens_N[one.rows].sum())
            self._kl[one.part] = self._kl.get(one.part, np.zeros(2)) + np.array([self._metrics["train"]["kl"][-1] * tokens, tokens])
        return loss.detach()

    def _combine(self, gram_KK: Floats) -> Combined:
        """The strategy's coefficients from the Gram matrix that it is to see.

        All 0 when no group tells its replies apart: what is left then is rounding in the KL term, and Adam would make a full step of it.
        """
        batch = self._batch
        self._must_be_finite("gradient", gram_KK)
        weights_K = self._learnt.base_weights(batch, self._weights_of, self.recipe)
        nothing_K = np.zeros(len(weights_K))
        if not batch.live_K.any():
            combined = Combined(nothing_K, nothing_K, 0.0)
        else:  # what is not live has its KL term alone, which neither opposes nor is to be opposed
            combined = self.strategy.combine(gram_KK, weights_K * batch.live_K, batch.live_K, self._rng)
            combined = combined._replace(coefficients_K=np.where(batch.live_K, combined.coefficients_K, weights_K))
        self.report |= combination_report(batch, weights_K, combined)
        return combined

    def _weights_of(self, capability: Capability) -> Mapping[str, float]:
        """Of components: the rules' as they stand now, and the models' measured reliability, which nothing moves."""
        return {**self._learnt.component_weights(capability, self._rules, self.recipe), **self._reliability(capability)}

    def _reliability(self, capability: Capability) -> dict[str, float]:
        return {model.name: model.weights.get(capability, 0.0) for model in self._models}

    def _must_be_finite(self, what: str, number: Any) -> None:
        if not np.isfinite(number).all():
            raise TrainingError(f"The {what} is not finite at step {self.state.global_step + 1}; a smaller learning_rate may help")

    def _passes(self, part: str, chosen_N: Any) -> list[Pass]:
        return passes(part, chosen_N, self.recipe.micro_batch, self.accelerator.process_index, self.accelerator.num_processes)

    def _taken(self, parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What backward passes have left in `.grad`, averaged over the processes."""
        taken = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        for parameter in parameters:
            parameter.grad = None
        return [self.accelerator.reduce(g, "mean") for g in taken] if self.accelerator.num_processes > 1 else taken

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """A checkpoint appears under `kept` whole or not at all; the main process moves what all have written.

        Relies on transformers writing everything under `args.output_dir/checkpoint-N`. TRL's own layer, a model card and the state of an
        entropy controller that is not used, is left out. Raises TrainingError when the disk is full.
        """

        def write() -> None:
            super(GRPOTrainer, self)._save_checkpoint(model, trial)
            if self.accelerator.is_main_process:
                save_file(self._past.tensors(), draft / PAST)
            self.accelerator.wait_for_everyone()

        step = self.state.global_step
        draft = Path(self.args.output_dir) / f"checkpoint-{step}"
        state = {"learnt": self._learnt.to_json(), "generator": self._rng.bit_generator.state}
        if self.accelerator.is_main_process:
            keep_checkpoint(self._kept, step, draft, write, state)
        else:
            write()
        self.accelerator.wait_for_everyone()

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Relies on transformers calling this once, with the checkpoint's folder when it resumes."""
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = kept_state(Path(checkpoint))
            self._learnt = Learnt.from_json(state["learnt"])
            self._past = PastGradients.from_tensors(self._past.names, load_file(Path(checkpoint) / PAST), self.accelerator.device)
            self._rng.bit_generator.state = state["generator"]
