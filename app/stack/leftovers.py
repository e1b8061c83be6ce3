"""Processes of a stack that lost its supervisor. Found by a mark in their environment, which every child inherits: no pid file can be stale."""

import os
import time

import psutil

from app.stack import layout

_MARK = "BALANCEDBIO_STACK"


def mark() -> dict[str, str]:
    """Environment that says whose process this is."""
    return {_MARK: str(layout.data_dir())}


def find() -> list[psutil.Process]:
    """Every living process of this data folder's stack, except the one that asks and its ancestors."""
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    expected = str(layout.data_dir())
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in own and process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == expected:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def stop(seconds: float) -> int:
    """Asks them to end, then insists. Returns how many there were."""
    gone: set[int] = set()
    deadline = time.monotonic() + seconds
    while left := find():
        gone.update(p.pid for p in left)
        insist = time.monotonic() > deadline
        for process in left:
            try:
                process.kill() if insist else process.terminate()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=2.0)
    return len(gone)
