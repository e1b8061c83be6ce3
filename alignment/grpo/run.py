"""Trains one round's adapter: the child process of a worker, which `workers.leash` ties to it. Resumes where a killed one was.

Exit codes: 0 the adapter is there (also when it was there before), 143 stopped by SIGTERM after saving, 2 a person must change
something, 1 training failed and may resume; the last line of stderr says why. On a CPU a run that was killed and resumed, however often,
ends in the same bytes as one that was not.
"""

import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import TrainerCallback

from alignment.dataset import load_dataset
from alignment.grpo.assignment import Assignment, assignment
from alignment.grpo.config import processes
from alignment.grpo.crew import Crew
from alignment.grpo.fingerprint import fingerprint_of
from alignment.grpo.journal import Journal
from alignment.grpo.kept import newest, state_folder, step_of
from alignment.grpo.memory import Place, Shape, check_memory, memory_needed, shortage_named
from alignment.grpo.objectives import objectives_of
from alignment.grpo.plots import plot_run
from alignment.grpo.policy import Policy, load_policy, save_adapter
from alignment.grpo.schedule import Schedule, schedule
from alignment.grpo.trainer import CapabilityTrainer
from alignment.recipe import Recipe
from alignment.rewards import component_weights, reward_components
from alignment.rewards.hybrid import Opinions, reward_models
from alignment.rewards.judgements import read_judgements
from core import store
from core.artifacts import new_artifact, verify_artifact, write_text_atomically
from core.db import reading
from core.errors import AppError, BadInput, Conflict, NotFound, RecipeError, Unavailable
from core.fingerprint import FILE
from core.knowledge.evidence import with_evidence
from core.logging import configure_logging, get_logger
from core.settings import settings
from core.types import Item, Score, TrainingSample

STOPPED = 143


def main(round_id: str) -> int:
    """Trains the round and returns the process's exit code; never raises for what was expected to be able to go wrong."""
    configure_logging(settings().log_level)
    stop = Stop()
    stop.listen()
    try:
        return train_round(round_id, stop)
    except AppError as error:
        get_logger("training").error("training failed", round_id=round_id, error=str(error))
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, (BadInput, NotFound, Conflict)) else 1


def train_round(round_id: str, stop: "Stop") -> int:
    """Load, train, save. Returns 0 when the adapter artifact is whole, `STOPPED` when asked to stop before it was.

    Raises NotFound, BadInput, Conflict, ArtifactError or TrainingError; after a TrainingError the saved training state is still there.
    """
    job, crew = assignment(round_id), Crew()
    with crew.alone(job.training):
        if job.adapter.exists():
            verify_artifact(job.adapter)
            return 0
        torch.set_num_threads(settings().train_threads)
        transformers.logging.set_verbosity_error()
        with crew.main_first():
            job.remove_drafts()
            dataset_hash = job.verify()
            state = state_folder(job.training, job.run_hash(dataset_hash, processes()))
            saved = newest(state)
        policy = load_policy(job.base_model, job.parent_adapter, job.recipe)
        samples = _fitting(load_dataset(job.dataset), policy, job.recipe)
        plan = schedule(samples, job.recipe)
        _check_memory(policy, samples, plan, job.recipe)
        with _models(job, state, stop, crew) as opinions:
            trainer = CapabilityTrainer(policy, samples, plan, job.recipe, _scorer(job), kept=state, scratch=state / "scratch", models=opinions.models)
            journal = Journal(round_id, job.recipe.steps, step_of(saved), job.training / "tensorboard") if crew.is_main else None
            trainer.add_callback(_EachStep(trainer, journal, stop, crew, opinions.left_out))
            if crew.any(stop.requested):
                return STOPPED
            with shortage_named():
                trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        if trainer.state.global_step < job.recipe.steps:
            if journal:
                journal.tell(trainer.state.global_step, "stopped")
            return STOPPED
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        fingerprint = fingerprint_of(trainer.model_wrapped, policy.tokenizer, trainer.accelerator.device)
        if journal:
            _check_signal(job)
            journal.tell(job.recipe.steps, "saving the adapter")
            with new_artifact(job.adapter) as folder:
                save_adapter(trainer.model, folder, job.base_name, weights)
                write_text_atomically(folder / "provenance.json", job.provenance(dataset_hash))
                write_text_atomically(folder / FILE, fingerprint.model_dump_json())
            journal.close()
            _draw(job)
            shutil.rmtree(state, ignore_errors=True)  # only a run that is not finished needs it
        crew.wait()
    return 0


def _models(job: Assignment, state: Path, stop: "Stop", crew: Crew) -> AbstractContextManager[Opinions]:
    """What judges replies beside the rules."""
    return reward_models(
        job.recipe,
        read_judgements(job.dataset),
        base_model=job.base_model,
        base_name=job.base_name,
        adapter=job.adapter,
        kept=state,
        is_stopped=lambda: crew.any(stop.requested),
        main_first=crew.main_first,
    )


def _scorer(job: Assignment) -> Callable[[Item, str], Mapping[str, Score]]:
    known = job.knowledge()

    def score(item: Item, reply: str) -> Mapping[str, Score]:
        return reward_components(item, reply, known)

    return score


def _fitting(samples: Sequence[TrainingSample], policy: Policy, recipe: Recipe) -> list[TrainingSample]:
    """Leaves out prompts that leave no room for a reply; they could not be asked in production either. Raises RecipeError when none is left."""
    room = policy.context_tokens - recipe.max_completion_tokens
    fitting = [sample for sample in samples if _prompt_tokens(sample, policy) <= room]
    if samples and not fitting:
        window = f"the model's window of {policy.context_tokens} tokens"
        raise RecipeError(f"max_completion_tokens: {recipe.max_completion_tokens} tokens for a reply leave no prompt any room in {window}")
    if len(fitting) < len(samples):
        get_logger("training").warning("prompts too long for the model left out", count=len(samples) - len(fitting), room=room)
    return fitting


def _prompt_tokens(sample: TrainingSample, policy: Policy) -> int:
    messages = [m.model_dump() for m in with_evidence(sample.messages, sample.evidence)]
    return len(policy.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"])


def _check_memory(policy: Policy, samples: Sequence[TrainingSample], plan: Schedule, recipe: Recipe) -> None:
    """Raises RecipeError before a run that could not end, rather than in the middle of it."""
    longest = max(_prompt_tokens(samples[i], policy) for i in set(plan.order))
    objectives = len(objectives_of(samples, recipe.objectives, component_weights))
    check_memory(memory_needed(Shape.of(policy.model.config), recipe, longest, plan.prompts_per_step * recipe.completions, objectives, Place.here()))


def _check_signal(job: Assignment) -> None:
    """Raises BadInput when no step had anything to learn from: the adapter would be its parent, and an exam of it a waste."""
    rows = _told(job)
    if rows and all(row.get("zero_variance") == 1.0 for row in rows):
        never, always = (sum(row.get(name, 0.0) for row in rows) / len(rows) for name in ("never", "always"))
        raise BadInput(
            f"No step told the replies to a prompt apart ({never:.0%} of the prompts were never answered right, {always:.0%} always): nothing could be "
            f"learnt. Choose easier or harder items (families, max_depth), a higher temperature or more completions"
        )


def _draw(job: Assignment) -> None:
    """The plots beside the adapter. They can be drawn again at any time, so nothing fails for their sake."""
    try:
        plot_run(_told(job), job.plots)
    except OSError as error:
        get_logger("training").warning("plots not drawn", round_id=job.round_id, error=str(error))


def _told(job: Assignment) -> list[dict[str, Any]]:
    """What each step reported, those before a resume too; nothing when the database is away."""
    try:
        with reading() as session:
            return [{"step": m.step, **m.values} for m in store.list_metrics(session, job.round_id)]
    except Unavailable as error:
        get_logger("training").warning("metrics not read", round_id=job.round_id, error=str(error))
        return []


class _EachStep(TrainerCallback):
    """Between two steps: tell, and stop if asked to."""

    def __init__(self, trainer: CapabilityTrainer, journal: Journal | None, stop: "Stop", crew: Crew, left_out: Mapping[str, str]) -> None:
        self._trainer, self._journal, self._stop, self._crew, self._left_out = trainer, journal, stop, crew, left_out

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if self._crew.any(self._stop.requested):
            control.should_save = control.should_training_stop = True
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if self._journal is None or logs is None or "grad_norm" not in logs:  # the summary at the very end
            return
        upstream = {"entropy": "entropy", "loss": "loss", "grad_norm": "grad_norm", "learning_rate": "learning_rate"}
        upstream |= {"completions/mean_length": "reply_tokens", "completions/clipped_ratio": "cut_short"}
        values = {ours: logs[theirs] for theirs, ours in upstream.items() if logs.get(theirs) is not None}
        models = {"models": dict(self._left_out)} if self._left_out else {}  # those that the recipe asks for and the reward goes without
        self._journal.step(state.global_step, {**self._trainer.report, **values, **models})


class Stop:
    """Set by SIGTERM or SIGINT; read between steps."""

    requested = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True
