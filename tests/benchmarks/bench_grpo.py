"""What a step of each strategy costs beside plain GRPO by TRL itself, and how closely `balanced` follows `exact`.

Cost: every strategy makes the same steps, since at a learning rate of next to nothing the model stays as it is and the same seed draws the
same replies; CPU time of one thread, the strategies in turn. Memory: the peak of a process of its own.
Likeness: a run with `exact` also keeps what `balanced` would read off it; the coefficients that it would have chosen are replayed afterwards,
and both are judged by what later steps found about the same objectives, on other prompts.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from transformers import TrainerCallback

from alignment.grpo.config import training_config
from alignment.grpo.policy import load_policy
from alignment.grpo.probe import Estimate, GramAverage, PastGradients, Probe, cell_gradients
from alignment.grpo.schedule import Schedule
from alignment.grpo.strategies import STRATEGIES
from alignment.grpo.trainer import CapabilityTrainer
from alignment.grpo.upstream import GRPOTrainer
from alignment.recipe import recipe_from
from core.knowledge import builtin
from core.settings import STARTER_MODEL_DIR
from tests.benchmarks.alignment.material import material, plan
from tests.benchmarks.alignment.regimes import CONTENDERS, REGIMES
from tests.benchmarks.alignment.single import trainer_of
from tests.benchmarks.rows import Row

STARTER = Path(os.environ.get("BENCH_STARTER", STARTER_MODEL_DIR))
COST_STEPS = 12
LIKENESS_STEPS = 32
_COST: Mapping[str, Any] = {
    "prompts_per_step": 10,
    "anchors_per_step": 0,
    "completions": 8,
    "max_completion_tokens": 80,
    "temperature": 0.7,
    "warmup_steps": 0,
    "learning_rate": 1e-12,
    "micro_batch": 16,
    "save_every": 1_000_000,
}


def rows() -> Iterator[Row]:
    yield from cost_rows()
    for regime in ("balanced", "opposed-brief", "opposed-strict"):
        yield from likeness_rows(regime)
    yield from update_rows()


def trainer_for(regime_name: str, scratch: Path, kind: type[CapabilityTrainer] = CapabilityTrainer, **fields: Any) -> Any:
    """A trainer on a regime of the alignment benchmark."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    knowledge, regime = builtin(), REGIMES[regime_name]
    recipe = recipe_from({**regime.recipe, **fields})
    policy = load_policy(str(STARTER), None, recipe)
    given = material(regime, 0, recipe.seed, knowledge, policy.tokenizer, recipe.max_completion_tokens)
    asked = plan(regime, CONTENDERS["sum"], 0, recipe.seed, given, recipe.prompts_per_step, recipe.steps)
    return trainer_of(kind, policy, regime, given.samples, asked, recipe, knowledge, scratch)


class Seconds(TrainerCallback):
    """CPU time of every step, generation and optimizer among it."""

    def __init__(self) -> None:
        self.steps: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.steps.append(time.process_time() - self._began)


def cost_rows() -> Iterator[Row]:
    measured = {name: _measured_alone(name) for name in ("trl", *STRATEGIES, "balanced, components")}
    plain = measured["trl"]
    for name, (seconds, megabytes) in measured.items():
        ratio, ours = seconds / plain[0], name == "balanced"
        bar = "<= 1.10" if ours else ""
        yield Row("grpo", f"{name}: step", 1e3 * seconds, "ms CPU", note=f"mean of 8 steps of {_COST['prompts_per_step']} x 8 replies")
        yield Row("grpo", f"{name}: step against TRL's", ratio, "x", bar, ratio <= 1.10 if ours else None)
        yield Row("grpo", f"{name}: memory against TRL's", megabytes / plain[1], "x", bar, megabytes / plain[1] <= 1.10 if ours else None)


def _measured_alone(name: str) -> tuple[float, float]:
    """(mean seconds of a step, peak MB) in a process of its own; a mean over whole cycles of probes."""
    command = [sys.executable, "-c", f"from tests.benchmarks.bench_grpo import cost_of; cost_of({name!r})"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"})
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["megabytes"]


def cost_of(name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        fields: dict[str, Any] = {**_COST, "steps": COST_STEPS, "strategy": name.partition(",")[0] if name != "trl" else "sum"}
        if name.endswith("components"):
            fields["objectives"] = "component"
        trainer = trainer_for("balanced", Path(scratch), **fields)
        if name == "trl":
            trainer = _plain(trainer)
        seconds = Seconds()
        trainer.add_callback(seconds)
        trainer.train()
    peak = next(int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": mean(seconds.steps[-(COST_STEPS - 4) :]), "megabytes": peak}))


def _plain(trainer: CapabilityTrainer) -> GRPOTrainer:
    """TRL's own trainer on the same rewards, prompts and settings: one forward and backward pass over all replies."""
    config = training_config(trainer.recipe, Schedule((), trainer.recipe.prompts_per_step), Path(trainer.args.output_dir))
    config.scale_rewards, config.remove_unused_columns = "group", False
    return GRPOTrainer(
        model=load_policy(str(STARTER), None, trainer.recipe).model,
        processing_class=trainer.processing_class,
        reward_funcs=trainer.reward_funcs,
        args=config,
        train_dataset=trainer.train_dataset,
    )


Look = tuple[float, int]
"""How `balanced` may look on: `probe_average`, and prompts of each part that it measures (0: all)."""
LOOKS: tuple[Look, ...] = tuple((keep, prompts) for prompts in (2, 5, 0) for keep in (0.5, 0.8, 0.9, 0.95))
_JUDGE: Look = (0.9, 0)


class Step(NamedTuple):
    """What one step of an `exact` run saw."""

    names: list[str]
    weights_K: np.ndarray
    live_K: np.ndarray
    gram_KK: np.ndarray
    found: Mapping[Look, Estimate]
    """What `balanced` would have read off it."""


class Watched(CapabilityTrainer):
    """An `exact` run that also keeps what `balanced` would read off its steps."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.seen: list[Step] = []
        self._pasts = {look: PastGradients(self._past.names) for look in LOOKS}

    def _step_of_apart(self, model: Any, rows: Any) -> torch.Tensor:
        self._found: dict[Look, Estimate] = {}
        for prompts in {prompts for _, prompts in LOOKS}:
            probe = Probe(self._batch, prompts)
            with cell_gradients(self._layers, self.model.get_input_embeddings(), len(probe.names)) as cells:
                self._look_apart(model, rows, probe, cells, ())
            for look in (look for look in LOOKS if look[1] == prompts):
                self._found[look] = self._pasts[look].met(cells, probe.names, look[0])
        return super()._step_of_apart(model, rows)

    def _combine(self, gram_KK: np.ndarray) -> Any:
        combined, live = super()._combine(gram_KK), np.flatnonzero(self._batch.live_K)
        names = [self._batch.names[k] for k in live]
        weights_K = (combined.coefficients_K - combined.multipliers_K)[live]
        self.seen.append(Step(names, weights_K, self._batch.live_K[live], gram_KK[np.ix_(live, live)], self._found))
        return combined


def watched(regime: str, steps: int, seed: int = 0, **fields: Any) -> list[Step]:
    with tempfile.TemporaryDirectory() as scratch:
        settings = {**_COST, "learning_rate": 1e-3, "temperature": 0.8, "steps": steps, "warmup_steps": 3}
        trainer = trainer_for(regime, Path(scratch), Watched, **{**settings, "strategy": "exact", "seed": seed, **fields})
        trainer.train()
    return trainer.seen


class Likeness(NamedTuple):
    cosine: float
    """Mean cosine between the steps that the two strategies make of the same gradients."""
    multipliers: float
    """Mean sum of the multipliers of `balanced`, and next that of `exact`."""
    exact_multipliers: float
    opposed: float
    """Share of the objectives that the step of `balanced` would oppose in the later steps' noise-free products, and next that of `exact`."""
    exact_opposed: float


def replayed(steps: Sequence[Step], look: Look) -> Likeness:
    """What `balanced` would have done in each step of an `exact` run, judged by the products that the steps after it found.

    The first quarter, in which the average fills, is left out, and the last, which has too little after it.
    """
    rng, quarter = np.random.default_rng(0), len(steps) // 4
    names = sorted({name for step in steps for name in step.names})
    average, cosines, multipliers, opposed = GramAverage.empty(names), [], [], np.zeros(3)
    for i, step in enumerate(steps):
        ours = STRATEGIES["balanced"].combine(average.signal_of(step.names), step.weights_K, step.live_K, rng)
        exact = STRATEGIES["exact"].combine(step.gram_KK, step.weights_K, step.live_K, rng)
        average = average.with_estimate(step.found[look], step.names, look[0])
        if quarter <= i < len(steps) - quarter:
            later = GramAverage.empty(names)
            for after in steps[i + 1 :]:
                later = later.with_estimate(after.found[_JUDGE], after.names, 0.98)
            truth_KK = np.nan_to_num(later.cross_of(step.names))
            cosines.append(_cosine(ours.coefficients_K, exact.coefficients_K, step.gram_KK))
            multipliers.append([ours.multipliers_K.sum(), exact.multipliers_K.sum()])
            opposed += [np.sum(truth_KK @ ours.coefficients_K < 0.0), np.sum(truth_KK @ exact.coefficients_K < 0.0), len(step.names)]
    return Likeness(float(np.nanmean(cosines)), *map(float, np.mean(multipliers, axis=0)), *map(float, opposed[:2] / opposed[2]))


def _cosine(a_K: np.ndarray, b_K: np.ndarray, gram_KK: np.ndarray) -> float:
    lengths = (a_K @ gram_KK @ a_K) * (b_K @ gram_KK @ b_K)
    return float(a_K @ gram_KK @ b_K / np.sqrt(lengths)) if lengths > 0.0 else np.nan


def likeness_rows(regime: str) -> Iterator[Row]:
    steps = watched(regime, LIKENESS_STEPS)
    for look in LOOKS:
        found, what = replayed(steps, look), f"{regime}, {look[1] or 'all'} prompts, average {look[0]}"
        yield Row(
            "grpo", f"{what}: cosine of balanced with exact", found.cosine, "", note=f"multipliers {found.multipliers:.3f} beside {found.exact_multipliers:.3f}"
        )
        note = f"exact: {100 * found.exact_opposed:.0f} %; judged by products of later steps"
        yield Row("grpo", f"{what}: objectives that the step opposes", 100 * found.opposed, "%", note=note)


def update_rows() -> Iterator[Row]:
    """Gradient projected against update projected: what the optimizer really did to each objective."""
    for projected in ("gradient", "update"):
        opposed, cosines, rewards = [], [], []
        with tempfile.TemporaryDirectory() as scratch:
            settings = {**_COST, "learning_rate": 1e-3, "temperature": 0.8, "steps": LIKENESS_STEPS, "strategy": "exact", "projected": projected}
            trainer = trainer_for("opposed-brief", Path(scratch), **settings)
            reports = Reports(trainer)
            trainer.train()
        for report in reports.steps:
            found = list(report.get("update_cosines", {}).values())
            opposed += [c < -1e-4 for c in found]
            cosines += [min(found)] if found else []
            rewards.append(mean(next(iter(report["components"].values())).values()))
        yield Row("grpo", f"{projected} projected: objectives that the optimizer's step opposes", 100 * mean(opposed), "%", note="opposed-brief")
        yield Row("grpo", f"{projected} projected: worst cosine of a step, mean", mean(cosines), "")
        yield Row("grpo", f"{projected} projected: mean reward of the last ten steps", mean(rewards[-10:]), "", note=f"first five {mean(rewards[:5]):.3f}")


class Reports(TrainerCallback):
    def __init__(self, trainer: Any) -> None:
        self._trainer, self.steps = trainer, list[dict[str, Any]]()
        trainer.add_callback(self)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.steps.append(dict(self._trainer.report))
