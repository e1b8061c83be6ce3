"""Trains one round's adapter: the child process of a worker, which `workers.leash` ties to it. Resumes where a killed one was.

Exit codes: 0 the adapter is there (also when it was there before), 143 stopped by SIGTERM after saving, 2 a person must change
something, 1 training failed and may resume; the last line of stderr says why. On a CPU a run that was killed and resumed, however often,
ends in the same bytes as one that was not.
"""

import fcntl
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from transformers import TrainerCallback

from alignment.dataset import load_dataset
from alignment.grpo.journal import Journal
from alignment.grpo.policy import Policy, load_policy, save_adapter
from alignment.grpo.schedule import schedule
from alignment.grpo.trainer import CapabilityTrainer
from alignment.recipe import Recipe, recipe_from
from alignment.rewards import reward_components
from core import store
from core.artifacts import new_artifact, verify_artifact, write_text_atomically
from core.db import reading
from core.errors import AppError, ArtifactError, BadInput, Conflict, NotFound
from core.knowledge import knowledge
from core.knowledge.evidence import with_evidence
from core.logging import configure_logging, get_logger
from core.settings import settings
from core.types import Item, Score, TrainingSample, content_hash

STOPPED = 143
_LOCK_WAIT_SECONDS = 30.0


class Assignment(NamedTuple):
    """What the database and the settings say this run is."""

    round_id: str
    recipe: Recipe
    base_model: str
    base_name: str
    parent_id: str
    parent_adapter: Path | None
    """None: a fresh adapter."""
    dataset: Path
    training: Path
    adapter: Path


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
    job = _assignment(round_id)
    with _alone(job.training):
        if job.adapter.exists():
            verify_artifact(job.adapter)
            return 0
        torch.set_num_threads(settings().train_threads)
        # A run that was killed while it saved leaves a draft behind; nobody else writes here while we hold the lock.
        for leftover in job.adapter.parent.glob(f".{job.adapter.name}.*.draft"):
            shutil.rmtree(leftover, ignore_errors=True)
        dataset_hash = verify_artifact(job.dataset)
        if job.parent_adapter is not None:
            verify_artifact(job.parent_adapter)  # damaged weights of the right shape would load, and be learnt from
        policy = load_policy(job.base_model, job.parent_adapter, job.recipe)
        samples = _fitting(load_dataset(job.dataset), policy, job.recipe)
        run_hash = content_hash([job.recipe.hash, dataset_hash, job.base_model, str(job.parent_adapter)])
        state = _state_folder(job.training, run_hash)
        trainer = _trainer(job, policy, samples, state)
        saved = _latest(state)
        journal = Journal(round_id, job.recipe.steps, _step_of(saved), job.training / "tensorboard")
        trainer.add_callback(_EachStep(trainer, journal, stop))
        if stop.requested:
            return STOPPED
        trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        if trainer.state.global_step < job.recipe.steps:
            journal.tell(trainer.state.global_step, "stopped")
            return STOPPED
        journal.tell(job.recipe.steps, "saving the adapter")
        with new_artifact(job.adapter) as folder:
            save_adapter(trainer.model, folder, job.base_name)
            write_text_atomically(folder / "provenance.json", _provenance(job, dataset_hash))
        journal.close()
        shutil.rmtree(state, ignore_errors=True)  # only a run that is not finished needs it
    return 0


def adapter_folder(round_id: str) -> Path:
    """Where a round's adapter artifact belongs; its name is the checkpoint's id."""
    return settings().data_dir.resolve() / "checkpoints" / f"cp-{round_id.removeprefix('round-')}"


def _assignment(round_id: str) -> Assignment:
    with reading() as session:
        row = store.get_round(session, round_id)
        parent = store.get_checkpoint(session, row.parent_id)
        recipe = recipe_from(row.recipe, f"recipe of {round_id}")
    continues = recipe.start == "production" and parent.uri != ""
    if continues and parent.base_model != settings().base_model:
        raise Conflict(f"{parent.id} was trained on {parent.base_model}, but BASE_MODEL is now {settings().base_model}; start a new round")
    folder = settings().data_dir.resolve() / "rounds" / round_id
    return Assignment(
        round_id=round_id,
        recipe=recipe,
        base_model=settings().base_model_path,
        base_name=settings().base_model,
        parent_id=parent.id,
        parent_adapter=Path(parent.uri) if continues else None,
        dataset=folder / "dataset",
        training=folder / "training",
        adapter=adapter_folder(round_id),
    )


def _trainer(job: Assignment, policy: Policy, samples: Sequence[TrainingSample], state: Path) -> CapabilityTrainer:
    transformers.logging.set_verbosity_error()
    known = knowledge()

    def score(item: Item, reply: str) -> Mapping[str, Score]:
        return reward_components(item, reply, known)

    return CapabilityTrainer(policy, samples, schedule(samples, job.recipe), job.recipe, score, kept=state, scratch=state / "scratch")


def _fitting(samples: Sequence[TrainingSample], policy: Policy, recipe: Recipe) -> list[TrainingSample]:
    """Leaves out prompts that leave no room for a reply; they could not be asked in production either."""
    room = policy.context_tokens - recipe.max_completion_tokens
    fitting = [sample for sample in samples if _prompt_tokens(sample, policy) <= room]
    if len(fitting) < len(samples):
        get_logger("training").warning("prompts too long for the model left out", count=len(samples) - len(fitting), room=room)
    return fitting


def _prompt_tokens(sample: TrainingSample, policy: Policy) -> int:
    messages = [m.model_dump() for m in with_evidence(sample.messages, sample.evidence)]
    return len(policy.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"])


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs of one round would write over each other; a second one waits a little for the first to be gone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Conflict(f"Another process is training in {folder}") from error
                time.sleep(0.2)
        yield


def _state_folder(training: Path, run_hash: str) -> Path:
    """Where this run's checkpoints are. What another recipe, dataset or parent left behind must not be resumed, and goes."""
    state = training / f"state-{run_hash[:12]}"
    for other in training.glob("state-*"):
        if other != state:
            shutil.rmtree(other)
    for leftover in (state / "scratch", *state.glob(".*.draft")):
        shutil.rmtree(leftover, ignore_errors=True)
    state.mkdir(exist_ok=True)
    return state


def _latest(state: Path) -> Path | None:
    """The newest whole checkpoint; a damaged one is removed, and the run resumes from the one before."""
    for folder in sorted(state.glob("step-*"), reverse=True):
        try:
            verify_artifact(folder)
        except ArtifactError as error:
            get_logger("training").warning("training checkpoint damaged; using the one before", error=str(error))
            shutil.rmtree(folder)
        else:
            return folder
    return None


def _step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.removeprefix("step-")) if checkpoint else 0


def _provenance(job: Assignment, dataset_hash: str) -> str:
    return json.dumps(
        {
            "round": job.round_id,
            "parent": job.parent_id,
            "base_model": job.base_name,
            "dataset_sha256": dataset_hash,
            "recipe": job.recipe.model_dump(mode="json"),
        },
        indent=1,
    )


class _EachStep(TrainerCallback):
    """Between two steps: tell, and stop if asked to."""

    def __init__(self, trainer: CapabilityTrainer, journal: Journal, stop: "Stop") -> None:
        self._trainer, self._journal, self._stop = trainer, journal, stop

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if self._stop.requested:
            control.should_save = control.should_training_stop = True
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if logs is None or "grad_norm" not in logs:  # the summary at the very end
            return
        upstream = {"kl": "kl", "entropy": "entropy", "loss": "loss", "grad_norm": "grad_norm", "learning_rate": "learning_rate"}
        upstream |= {"completions/mean_length": "reply_tokens", "completions/clipped_ratio": "cut_short"}
        values = {ours: logs[theirs] for theirs, ours in upstream.items() if logs.get(theirs) is not None}
        self._journal.step(state.global_step, {**self._trainer.report, **values})


class Stop:
    """Set by SIGTERM or SIGINT; read between steps."""

    requested = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True
