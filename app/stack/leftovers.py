"""Processes of a stack that lost its supervisor.

Two signs, because neither is enough: a mark in the environment, which every child inherits but which programs that set their own title
(Redis, Celery, vLLM's engine) overwrite; and the session that supervisord opened, which outlives it but which a child may leave.
"""

import json
import os
import time
from typing import NamedTuple

import psutil

from app.stack import layout
from core.artifacts import write_text_atomically

_MARK = "BALANCEDBIO_STACK"


class _Session(NamedTuple):
    leader: int
    created: float
    directory: str


def mark() -> dict[str, str]:
    """Environment that says whose process this is."""
    return {_MARK: str(layout.data_dir())}


def remember_session(leader: int) -> None:
    """Notes the session that the supervisor `leader` has opened."""
    session = _Session(leader, psutil.Process(leader).create_time(), os.getcwd())
    write_text_atomically(layout.session_file(), json.dumps(session))


def find() -> list[psutil.Process]:
    """Every living process of this data folder's stack, except the one that asks and its ancestors."""
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    expected, session = str(layout.data_dir()), _known_session()
    return [p for p in psutil.process_iter() if p.pid not in own and _belongs(p, expected, session)]


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


def _belongs(process: psutil.Process, expected: str, session: _Session | None) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.uids().real != os.getuid():
            return False
        if process.environ().get(_MARK) == expected:
            return True
        return session is not None and os.getsid(process.pid) == session.leader and process.cwd() == session.directory
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False


def _known_session() -> _Session | None:
    """None when there is none, or when its number has come to belong to somebody else."""
    try:
        session = _Session(*json.loads(layout.session_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    try:
        return session if abs(psutil.Process(session.leader).create_time() - session.created) < 1.0 else None
    except psutil.NoSuchProcess:
        return session  # the kernel gives the number to nobody while the session has members
