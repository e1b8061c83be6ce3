"""Where the stack keeps its own files, inside the data folder."""

import hashlib
import os
import tempfile
from pathlib import Path

from core.settings import settings

_LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes for the path of a unix socket, and supervisord appends to it while it binds."""


def data_dir() -> Path:
    return settings().data_dir.resolve()


def logs_dir() -> Path:
    return data_dir() / "logs"


def log_file(process: str) -> Path:
    return logs_dir() / f"{process}.log"


def record_file() -> Path:
    """Who started the stack, and whether it stays when they leave."""
    return data_dir() / "stack.json"


def session_file() -> Path:
    """The session that supervisord opened."""
    return data_dir() / "session.json"


def lock_file() -> Path:
    return data_dir() / "up.lock"


def key_file() -> Path:
    """The API key of this machine's own commands; readable by its owner alone."""
    return data_dir() / "api_key"


def socket_file() -> Path:
    """supervisord's socket: in the data folder, or for a long path in a private folder of the user's."""
    path = data_dir() / "run" / "supervisor.sock"
    if len(os.fsencode(path)) + 12 > _LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(data_dir())).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"balancedbio-{os.getuid()}-{digest}" / "supervisor.sock"
    return path
