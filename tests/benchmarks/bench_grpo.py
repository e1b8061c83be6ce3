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
from alignment.grpo.probe import Estimate, GramAverage, Probe, cell_gradients
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
LIKENESS_STEPS = 40
_KEEPS = (0.5, 0.8, 0.9, 0.95)
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


class Step(NamedTuple):
    """What one step of an `exact` run saw."""

    names: list[str]
    weights_K: np.ndarray
    live_K: np.ndarray
    gram_KK: np.ndarray
    found: Estimate
    """What `balanced` would have read off it."""


class Watched(CapabilityTrainer):
    """An `exact` run that also keeps what `balanced` would read off its steps."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.seen: list[Step] = []

    def _step_of_apart(self, model: Any, rows: Any) -> torch.Tensor:
        probe = Probe(self._batch, 0)
        with cell_gradients(self._layers, self.model.get_input_embeddings(), len(probe.names)) as cells:
            self._look_apart(model, rows, probe, cells, ())
        self._found = self._past.met(cells, probe.names, self.recipe.probe_average)
        return super()._step_of_apart(model, rows)

    def _combine(self, gram_KK: np.ndarray, sampled_KK: np.ndarray) -> Any:
        batch = self._batch
        combined = super()._combine(gram_KK, sampled_KK)
        weights_K = combined.coefficients_K - combined.multipliers_K
        live = np.flatnonzero(batch.live_K)
        self.seen.append(Step(batch.live_names, weights_K[live], batch.live_K[live], gram_KK[np.ix_(live, live)], self._found))
        return combined


def watched(regime: str, steps: int, keep: float, seed: int = 0, **fields: Any) -> list[Step]:
    with tempfile.TemporaryDirectory() as scratch:
        settings = {**_COST, "learning_rate": 1e-3, "temperature": 0.8, "steps": steps, "warmup_steps": 3, "probe_average": keep}
        trainer = trainer_for(regime, Path(scratch), Watched, **{**settings, "strategy": "exact", "seed": seed, **fields})
        trainer.train()
    return trainer.seen


class Likeness(NamedTuple):
    cosine: float
    """Mean cosine between the steps that the two strategies make of the same gradients."""
    ours: float
    """Share of the objectives that `balanced` would oppose in the later steps' noise-free products, and next what `exact` opposes."""
    exact: float


def replayed(steps: Sequence[Step], keep: float) -> Likeness:
    """What `balanced` would have done in each step of an `exact` run, judged by the products that the steps after it found.

    The first quarter, in which the average fills, is left out, and the last, which has too little after it.
    """
    rng, quarter = np.random.default_rng(0), len(steps) // 4
    names = sorted({name for step in steps for name in step.names})
    average, cosines, opposed = GramAverage.empty(names), [], np.zeros(3)
    for i, step in enumerate(steps):
        ours = STRATEGIES["balanced"].combine(average.signal_of(step.names), step.weights_K, step.live_K, rng).coefficients_K
        exact = STRATEGIES["exact"].combine(step.gram_KK, step.weights_K, step.live_K, rng).coefficients_K
        average = average.with_estimate(step.found, step.names, keep)
        if quarter <= i < len(steps) - quarter:
            later = GramAverage.empty(names)
            for after in steps[i + 1 :]:
                later = later.with_estimate(after.found, after.names, 0.98)
            truth_KK = np.nan_to_num(later.cross_of(step.names))
            cosines.append(_cosine(ours, exact, step.gram_KK))
            opposed += [np.sum(truth_KK @ ours < 0.0), np.sum(truth_KK @ exact < 0.0), len(step.names)]
    return Likeness(float(np.nanmean(cosines)), *(float(x) for x in opposed[:2] / opposed[2]))


def _cosine(a_K: np.ndarray, b_K: np.ndarray, gram_KK: np.ndarray) -> float:
    lengths = (a_K @ gram_KK @ a_K) * (b_K @ gram_KK @ b_K)
    return float(a_K @ gram_KK @ b_K / np.sqrt(lengths)) if lengths > 0.0 else np.nan


def likeness_rows(regime: str) -> Iterator[Row]:
    for keep in _KEEPS:
        found = replayed(watched(regime, LIKENESS_STEPS, keep), keep)
        yield Row("grpo", f"{regime}, average {keep}: cosine of balanced with exact", found.cosine, "")
        note = f"exact: {100 * found.exact:.0f} %; judged by products of later steps"
        yield Row("grpo", f"{regime}, average {keep}: objectives that the expected step opposes", 100 * found.ours, "%", note=note)


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
