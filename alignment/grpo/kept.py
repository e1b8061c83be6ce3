"""Resumable training checkpoints: folders `step-N` that are whole or absent, the newest two of them."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from core.artifacts import new_artifact, verify_artifact
from core.errors import ArtifactError, TrainingError
from core.logging import get_logger

KEPT_CHECKPOINTS = 2
PAST = "past_gradients.safetensors"
"""Averages of the gradients of earlier steps."""
STATE = "objectives.json"
"""What the trainer itself has learnt beside the weights. JSON keeps every bit of a number."""


def keep_checkpoint(kept: Path, step: int, draft: Path, write: Callable[[], None], state: Mapping[str, Any]) -> None:
    """`write` fills `draft`, which then becomes a checkpoint in `kept` together with `state`. Raises TrainingError when the disk is full."""
    try:
        with new_artifact(kept / f"step-{step:06d}") as folder:
            write()
            # TRL's frozen copy of the parent adapter is made anew at every start. Saved, it would keep transformers from loading
            # the adapter that learns: where there are folders of adapters, it loads those alone.
            shutil.rmtree(draft / "ref", ignore_errors=True)
            (draft / STATE).write_text(json.dumps(state))
            for path in draft.iterdir():
                path.rename(folder / path.name)
    # A full disk reaches us as any of these: torch and safetensors wrap what the operating system said.
    except (ArtifactError, OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"Step {step} could not be saved ({reason}). Free some disk space: the round then resumes where it was last saved") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for old in sorted(kept.glob("step-*"))[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(old)


def kept_state(folder: Path) -> dict[str, Any]:
    """Raises TrainingError when the checkpoint has none: it is of an older version."""
    try:
        return json.loads((folder / STATE).read_text())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder.name} cannot be resumed: it holds no readable {STATE}; remove the folder to begin anew") from error


def state_folder(training: Path, run_hash: str) -> Path:
    """Where this run's checkpoints are. What another recipe, dataset or parent left behind must not be resumed, and goes."""
    state = training / f"state-{run_hash[:12]}"
    for other in training.glob("state-*"):
        if other != state:
            shutil.rmtree(other)
    for leftover in (state / "scratch", *state.glob(".*.draft")):
        shutil.rmtree(leftover, ignore_errors=True)
    state.mkdir(exist_ok=True)
    return state


def newest(kept: Path) -> Path | None:
    """The newest whole checkpoint; a damaged one is removed, and the run resumes from the one before."""
    for folder in sorted(kept.glob("step-*"), reverse=True):
        try:
            verify_artifact(folder)
        except ArtifactError as error:
            get_logger("training").warning("training checkpoint damaged; using the one before", error=str(error))
            shutil.rmtree(folder)
        else:
            return folder
    return None


def step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.removeprefix("step-")) if checkpoint else 0
