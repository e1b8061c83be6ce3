"""The training child: started, watched, stopped, and started again where it left off.

Training runs in a process of its own, so that its memory, on the GPU above all, ends with it, and so that cancelling is one signal. The
child writes progress and metrics itself and keeps its resumable state under the round's folder; the worker only watches.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import TrainingError, Unavailable
from core.logging import get_logger, mask_secrets
from core.settings import ROOT, settings
from workers.lease import Lease, worker_stopping

COMMAND: tuple[str, ...] = (sys.executable, "-m", "alignment", "train")
"""Gets the round's id as its last argument."""

ATTEMPTS = 3
GRACE_SECONDS = 15.0
"""Between the polite signal and the other one; a step takes about a second on a CPU."""
_LOOK_SECONDS = 0.25
_BAD_INPUT = 2
_LOG_LINES = 12

log = get_logger("training")


def round_folder(round_id: str) -> Path:
    return settings().data_dir.resolve() / "rounds" / round_id


def train(lease: Lease) -> bool:
    """Runs the training child to its end. True: finished; False: the round was cancelled and the child is gone.

    A child that dies is started again and resumes, `ATTEMPTS` times in all. Raises TrainingError with the end of its log, LostLease
    when the round was taken over, Unavailable when this worker is to end; in every case the child is gone first.
    """
    for attempt in range(1, ATTEMPTS + 1):
        code = _run_child(lease)
        if code == 0:
            return True
        lease.check()
        if lease.cancel_requested:
            return False
        log.warning("training child ended", round=lease.round_id, attempt=attempt, ending=_ending(code))
        if code == _BAD_INPUT:
            break  # a person must change something first; running it again cannot help
    raise TrainingError(f"Training ended {_ending(code)} (attempt {attempt} of {ATTEMPTS}). {log_tail(round_folder(lease.round_id) / 'training.log')}")


def log_tail(path: Path) -> str:
    """The last lines of a log, for a message that people read; secrets are masked."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as stream:
        lines = [line.rstrip()[:300] for line in deque(stream, maxlen=_LOG_LINES)]
        return mask_secrets("Last lines of its log:\n" + "\n".join(lines))
    return "It wrote no log"


def _run_child(lease: Lease) -> int:
    folder = round_folder(lease.round_id)
    folder.mkdir(parents=True, exist_ok=True)
    with _only_child(folder / "training.lock") as lock, (folder / "training.log").open("ab") as log_file:
        argv = [sys.executable, "-m", "workers.leash", str(os.getpid()), *_command(), lease.round_id]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file, process_group=0, pass_fds=(lock,), env=_environment())
        os.pwrite(lock, str(child.pid).encode(), 0)
    try:
        while child.poll() is None and not lease.must_stop:
            time.sleep(_LOOK_SECONDS)
    finally:
        if child.poll() is None:
            _stop(child, polite=lease.cancel_requested or worker_stopping.is_set())
    return child.returncode


@contextmanager
def _only_child(path: Path) -> Iterator[int]:
    """Gives the lock that the child inherits. A child of a worker that froze and was replaced still holds it, and is killed first.

    Our own handle closes at the end, so that the lock lives and dies with the child, whatever becomes of us.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + GRACE_SECONDS
        while not _locked(lock):
            if predecessor := os.pread(lock, 20, 0):
                log.warning("ending the training child of a worker that was replaced", pid=int(predecessor))
                with suppress(ProcessLookupError):
                    os.killpg(int(predecessor), signal.SIGKILL)
            if time.monotonic() > deadline:
                raise Unavailable(f"Another training process holds {path.name}")
            time.sleep(_LOOK_SECONDS)
        os.ftruncate(lock, 0)
        yield lock
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(child: "subprocess.Popen[bytes]", *, polite: bool) -> None:
    """Ends the child and whatever it started. Polite: it may finish its step and save; else another worker is waiting for its files."""
    if polite:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _ending(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _command() -> tuple[str, ...]:
    """The training child, or accelerate's launcher, which starts several of it."""
    config = settings().accelerate_config
    return (COMMAND[0], "-m", "accelerate.commands.launch", "--config_file", config, *COMMAND[1:]) if config else COMMAND


def _environment() -> dict[str, str]:
    """Few threads that wait passively: two spinning threads beside a busy vLLM were 11 times slower. The malloc thresholds save 16 %."""
    tuned = {
        "OMP_NUM_THREADS": str(settings().train_threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "MALLOC_TRIM_THRESHOLD_": "1000000000",
        "MALLOC_MMAP_THRESHOLD_": "1000000000",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    return {**os.environ, **tuned}
