"""`python -m workers.serving [NAME]`: becomes vLLM, serving whatever is in production at this moment. NAME is a replica's: `vllm`, `vllm-2`, ...

So a vLLM that was killed and is started again by the supervisor answers for production at once, and nobody has to load anything.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import NoReturn

from core import store
from core.db import reading, unit_of_work
from core.errors import AppError, ArtifactError, BadInput
from core.logging import configure_logging, get_logger
from core.settings import settings
from core.tables import Checkpoint
from workers.serving.base import model_digest
from workers.serving.command import Command, one_gpu_each, vllm_command
from workers.serving.leftovers import end_leftovers, remember_group
from workers.serving.vllm import require_unchanged

log = get_logger("serving")


def main(name: str = "vllm") -> NoReturn:
    """Never returns when all is well: the process becomes vLLM. Exit code 2: a person must change a setting; 1: try again."""
    configure_logging(settings().log_level)
    try:
        end_leftovers(settings().data_dir, name)
        command = prepare(name)
    except AppError as error:
        print(f"vLLM cannot start: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, BadInput) else 1)
    remember_group(settings().data_dir, name)
    os.execve(command.argv[0], command.argv, {**os.environ, **command.env})


def prepare(name: str = "vllm") -> Command:
    """The command that serves the base model, registered, with every servable adapter at the address of that name."""
    if name not in settings().vllm_replicas:
        raise BadInput(f"VLLM_URL has no {name}; it names {', '.join(settings().vllm_replicas)}")
    base = register()
    with reading() as session:
        adapters = store.servable_checkpoints(session)
    gpus = _gpus()
    command = vllm_command(settings(), settings().vllm_replicas[name], base.id, _whole(adapters), has_gpu=bool(gpus))
    return command._replace(env=command.env | one_gpu_each(name, list(settings().vllm_replicas), gpus))


def register() -> Checkpoint:
    """The base model as a checkpoint, made when it is not there yet."""
    digest = model_digest(settings().base_model_path)
    with unit_of_work() as session:
        return store.ensure_base_checkpoint(session, settings().base_model, digest)


def _whole(adapters: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Those whose files are as they were written: one damaged adapter must not keep vLLM, and with it a roll-back, from starting."""
    whole = []
    for checkpoint in adapters:
        try:
            require_unchanged(checkpoint)
        except ArtifactError as error:
            log.error("checkpoint is damaged and not served", checkpoint=checkpoint.id, status=checkpoint.status, error=str(error))
        else:
            whole.append(checkpoint)
    return whole


def _gpus() -> list[str]:
    """Those that CUDA may use, as CUDA_VISIBLE_DEVICES names them. Asks the driver, because importing torch costs seconds and memory."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return []
    # A slice of a GPU (MIG) has a line of its own below it.
    gpus = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")] if listed.returncode == 0 else []
    return _visible([str(number) for number in range(len(gpus))], os.environ.get("CUDA_VISIBLE_DEVICES"))


def _visible(found: Sequence[str], allowed: str | None) -> list[str]:
    """As CUDA reads the variable: unset means all, and the list ends before the first that there is none of, so "" and "-1" hide every GPU.

    Names (`GPU-...`, `MIG-...`) are taken as they are.
    """
    if allowed is None:
        return list(found)
    named = (name.strip() for name in allowed.split(","))
    return list(takewhile(lambda name: name in found or name.startswith(("GPU-", "MIG-")), named)) if found else []


if __name__ == "__main__":
    main(*sys.argv[1:])
