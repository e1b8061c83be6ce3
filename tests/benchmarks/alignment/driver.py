"""Runs what is not done yet, a few processes at a time, and says how far it is. Stopped at any time, it goes on where it was.

The processes are forked from one that has loaded torch and TRL already, which takes 5 s on a core.
"""

import fcntl
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from pathlib import Path

from core.errors import AppError, Conflict
from tests.benchmarks.alignment.results import Run, is_done


def work(run: Run, folder: Path) -> None:
    """The body of one process. What was expected to be able to go wrong ends in one line and exit code 1."""
    from tests.benchmarks.alignment.single import run_once

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        run_once(run, folder)
    except AppError as error:
        raise SystemExit(f"{run.name}: {error}") from error


def drive(
    runs: Sequence[Run],
    folder: Path,
    jobs: int,
    tell: Callable[[str], None],
    body: Callable[[Run, Path], None] = work,
    context: BaseContext | None = None,
) -> list[Run]:
    """Does the runs that have no result in `folder`, in their order; returns those that failed. Raises Conflict beside another driver."""
    folder.mkdir(parents=True, exist_ok=True)
    left = deque(run for run in runs if not is_done(folder, run))
    tell(f"{len(runs) - len(left)} of {len(runs)} runs are done already")
    context = context or _loaded()
    running: dict[int, tuple[Run, multiprocessing.process.BaseProcess]] = {}
    failed: list[Run] = []
    finished, began = 0, time.monotonic()
    with _alone(folder):
        try:
            while left or running:
                while left and len(running) < jobs:
                    run = left.popleft()
                    process = context.Process(target=body, args=(run, folder), name=run.name)
                    process.start()
                    running[process.sentinel] = run, process
                for sentinel in wait(list(running)):
                    run, process = running.pop(sentinel)  # type: ignore[call-overload]  # a process's sentinel is an int on POSIX
                    process.join()
                    finished += 1
                    if process.exitcode or not is_done(folder, run):
                        failed.append(run)
                    seconds_left = (time.monotonic() - began) / finished * (len(left) + len(running))
                    tell(f"{run.name} {'FAILED' if run in failed else 'done'}; {len(left) + len(running)} left, about {seconds_left / 60:.0f} min")
        finally:
            for _, process in running.values():
                process.terminate()
            for _, process in running.values():
                process.join()
    return failed


def _loaded() -> BaseContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.benchmarks.alignment.single"])
    return context


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"Another benchmark is running in {folder}") from error
        yield
        with suppress(OSError):
            (folder / "lock").unlink()
