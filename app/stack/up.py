"""`balancedbio up`: check, prepare, start, wait until healthy, announce, hold, stop."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.panel import Panel

from app.stack import first_run, health, layout, leftovers, supervisor
from app.stack.display import StartDisplay
from app.stack.first_run import Access
from app.stack.preparation import prepare
from app.stack.processes import Process, is_from_hub
from core.artifacts import write_text_atomically
from core.errors import BadInput, Conflict, Unavailable
from core.settings import settings

_STOP_SECONDS = 60.0
_READY_SECONDS = 240.0
_READY_SECONDS_FROM_HUB = 3600.0
"""A base model from the hub is downloaded first."""
_MOST_RESTARTS = 3
_LOG_LINES = 12


def up(console: Console, *, detached: bool) -> None:
    """Runs the stack until it is told to stop; detached, returns when it is healthy."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    # Conversations, hashes and logs are written by all processes below; in a data folder that was there before, others could read them.
    os.umask(0o077)
    secret_is_new = first_run.ensure_secret()
    with _only_one():
        if _stop_what_was_left(console):
            return
        if secret_is_new:
            console.print("Made .env with a random SECRET_KEY (readable by you alone)", highlight=False)
        parts = prepare()
        write_text_atomically(layout.record_file(), json.dumps({"pid": os.getpid(), "detached": detached}))
        daemon = supervisor.start(parts, detached=detached)
        try:
            wait_until_healthy(console, parts, daemon)
            pids = {state.name: state.pid for state in supervisor.states()}
            # Only now: a password that is made before a start that fails would never be seen.
            _announce(console, first_run.ensure_access(), detached=detached)
            if not detached:
                _hold(console, pids)
        except KeyboardInterrupt:
            console.print("\nStopping", highlight=False)
            stop()
            console.print("Stopped. Nothing is lost: `balancedbio up` continues where this ended", highlight=False)
            if detached:
                raise
        except BaseException:
            stop()
            raise


def stop(seconds: float = _STOP_SECONDS) -> bool:
    """Stops the stack of this data folder, in order, then by force. Returns whether there was one. A second Ctrl-C skips the order."""
    was_running = supervisor.is_running()
    try:
        if was_running:
            unborn = _vllms_that_serve_nobody()
            supervisor.ask_to_stop()
            for pid in unborn:
                os.kill(pid, signal.SIGKILL)
            _wait_until_gone(seconds)
    except (KeyboardInterrupt, Unavailable, ProcessLookupError):
        seconds = 0.0  # impatience, or it went away between two questions
    finally:
        left = leftovers.stop(seconds=5.0 if seconds else 0.0)
        layout.record_file().unlink(missing_ok=True)
    return was_running or left > 0


def _vllms_that_serve_nobody() -> list[int]:
    """Pids of those that are still loading. Loading, they do not listen to SIGTERM, and there is no request to finish."""
    answers = health.probes(settings())
    return [s.pid for s in supervisor.states() if s.name in settings().vllm_replicas and s.pid and not answers[s.name]()]


def _wait_until_gone(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while leftovers.find() and time.monotonic() < deadline:
        time.sleep(0.2)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _only_one() -> Iterator[None]:
    """Two `up` on one data folder would fight for its database and its ports. The kernel drops the lock when the holder dies."""
    try:
        layout.data_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = layout.lock_file().open("a+")
    except OSError as error:
        raise BadInput(f"The data folder {layout.data_dir()} cannot be used: {error.strerror}; choose another with DATA_DIR") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(f"BalancedBio is already running here ({settings().address}); stop it with `balancedbio down`") from error
        yield


def _stop_what_was_left(console: Console) -> bool:
    """Clears away a stack that outlived its `up`. Returns True when a detached one is alive and well: then there is nothing to do."""
    if supervisor.is_running() and _is_detached() and all(s.status == "RUNNING" for s in supervisor.states()):
        console.print(f"BalancedBio is already running at {settings().address}; stop it with `balancedbio down`", highlight=False, soft_wrap=True)
        return True
    if supervisor.is_running() or leftovers.find():
        console.print("Stopping what an earlier run left behind", highlight=False)
        stop()
    return False


def _is_detached() -> bool:
    try:
        return bool(json.loads(layout.record_file().read_text(encoding="utf-8"))["detached"])
    except (OSError, ValueError, KeyError):
        return False


def wait_until_healthy(console: Console, parts: tuple[Process, ...], daemon: "subprocess.Popen[bytes]") -> None:
    """Returns when every process does its work. Raises Unavailable with the end of a log when one keeps dying or takes too long."""
    limit = _READY_SECONDS_FROM_HUB if is_from_hub(settings()) else _READY_SECONDS
    deadline = time.monotonic() + limit
    checks = health.probes(settings())
    waiting = [p.name for p in parts]
    pids: dict[str, set[int]] = {name: set() for name in waiting}
    with StartDisplay(console, waiting) as display:
        while waiting:
            if daemon.poll() is not None:
                raise Unavailable(f"The process supervisor did not start:\n{_tail(layout.logs_dir() / 'supervisord.err')}")
            for state in supervisor.states() if supervisor.is_running() else ():
                _watch_for_death(state, pids[state.name])
                if state.status in ("BACKOFF", "EXITED"):
                    display.note(state.name, "stopped; is started again")
            for name in list(waiting):
                if checks[name]():
                    waiting.remove(name)
                    display.ready(name)
            if waiting and time.monotonic() > deadline:
                raise Unavailable(f"{waiting[0]} was not ready after {limit:.0f} s. The end of its log:\n{_tail(layout.log_file(waiting[0]))}")
            time.sleep(0.4)


def _watch_for_death(state: supervisor.State, pids: set[int]) -> None:
    if state.pid:
        pids.add(state.pid)
    if state.status == "FATAL" or len(pids) > _MOST_RESTARTS:
        path = layout.log_file(state.name)
        raise Unavailable(f"{state.name} keeps stopping {state.error}\nThe end of {path}:\n{_tail(path)}")


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (its log is empty)"


def _announce(console: Console, access: Access, *, detached: bool) -> None:
    lines = [f"Open       {settings().address}", f"API        {settings().address}/v1   (OpenAI-compatible)"]
    if access.password:
        lines += [f"Sign in    {access.admin}", f"Password   {access.password}   (once: you choose your own at the first sign-in)"]
    else:
        which = "the one-time password of the first start" if access.password_is_pending else "the password you chose"
        lines += [f"Sign in    {access.admin}, with {which} (lost it? `balancedbio user reset-password {access.admin}`)"]
    if access.key_is_new:
        lines += [f"API key    {access.key}", f"           (shown once; kept for this machine's commands in {layout.key_file()})"]
    else:
        lines += [f"API key    the one from the first start; kept in {layout.key_file()}"]
    lines += ["", "Stop with  balancedbio down" if detached else "Stop with  Ctrl-C"]
    # No frame and no wrapping where a script reads it.
    if console.is_terminal:
        console.print(Panel("\n".join(lines), title="BalancedBio is ready", expand=False), highlight=False, soft_wrap=True)
    else:
        console.print("BalancedBio is ready\n" + "\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _hold(console: Console, pids: dict[str, int]) -> None:
    """Until Ctrl-C, SIGTERM or `balancedbio down`; says when a process had to be started again."""
    while True:
        time.sleep(1.0)
        try:
            states = supervisor.states()
        except Unavailable:
            console.print("Stopped", highlight=False)
            leftovers.stop(seconds=_STOP_SECONDS)
            return
        for state in states:
            if state.pid and pids.get(state.name, state.pid) != state.pid:
                console.print(f"{state.name} had stopped and was started again (log: {layout.log_file(state.name)})", highlight=False)
            if state.pid:
                pids[state.name] = state.pid
