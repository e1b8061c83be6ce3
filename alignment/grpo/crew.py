"""The processes that train one round: one alone, or those that `accelerate launch` started together.

The first of them (*main*) locks, tells and saves; all of them generate, learn, and stop at the same step.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import PartialState
from torch import distributed

from core.errors import Conflict

_LOCK_WAIT_SECONDS = 30.0


class Crew:
    """Meets the other processes; where there are none, every method is of one."""

    def __init__(self) -> None:
        self._state = PartialState(cpu=not torch.cuda.is_available())

    @property
    def is_main(self) -> bool:
        return bool(self._state.is_main_process)

    @contextmanager
    def main_first(self) -> Iterator[bool]:
        """Whether it is main; the others go on when main is through with it, and nobody beyond it before all are."""
        with self._state.main_process_first():
            yield self.is_main
        self.wait()

    def wait(self) -> None:
        """Until all are here."""
        self._state.wait_for_everyone()

    def any(self, claim: bool) -> bool:
        """Whether it is true for one of them. A signal reaches the processes at different moments; they must stop at the same step."""
        if self._state.num_processes == 1:
            return claim
        found = torch.tensor(float(claim), device=self._state.device)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX)
        return bool(found)

    @contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """Two runs of one round would write over each other; a second one waits a little for the first to be gone."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            deadline = time.monotonic() + _LOCK_WAIT_SECONDS
            while self.is_main:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise Conflict(f"Another process is training in {folder}") from error
                    time.sleep(0.2)
            yield
