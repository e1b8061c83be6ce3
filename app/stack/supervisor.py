"""supervisord: rendered, started, asked and stopped over its unix socket."""

import ctypes
import os
import shlex
import signal
import stat
import subprocess
import sys
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from supervisor.xmlrpc import SupervisorTransport

from app.stack import layout, leftovers
from app.stack.processes import Process
from core.artifacts import write_text_atomically
from core.errors import BadInput, Unavailable
from core.settings import ROOT

_TEMPLATE = ROOT / "deploy" / "supervisord.conf"
_PR_SET_PDEATHSIG = 1


class State(NamedTuple):
    name: str
    status: str
    """supervisord's words: STARTING, RUNNING, BACKOFF, EXITED, FATAL, STOPPING, STOPPED."""
    pid: int
    seconds: int
    """Since it was started."""
    error: str


def start(processes: Sequence[Process], *, detached: bool) -> subprocess.Popen[bytes]:
    """Starts supervisord, which starts the rest. Unless detached, it ends with this process, however that ends."""
    layout.logs_dir().mkdir(parents=True, exist_ok=True)
    layout.socket_file().parent.mkdir(mode=0o700, exist_ok=True)
    _require_own(layout.socket_file().parent)
    config = layout.data_dir() / "supervisord.conf"
    write_text_atomically(config, render(processes))
    with (layout.logs_dir() / "supervisord.err").open("wb") as complaints:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "app.stack.daemon", "-n", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env={**os.environ, **leftovers.mark(), "PYTHONUNBUFFERED": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
            # Its own session: Ctrl-C reaches only `up`, which stops things in order.
            start_new_session=True,
            preexec_fn=None if detached else _end_with_parent,
        )
    leftovers.remember_session(daemon.pid)
    return daemon


def render(processes: Sequence[Process]) -> str:
    """The configuration file, as text."""
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    programs = [
        {
            **process._asdict(),
            "command": _escaped(shlex.join(process.argv)),
            "environment": ",".join(f'{name}="{_escaped(value)}"' for name, value in process.env.items()),
            "priority": 10 * (position + 1),
        }
        for position, process in enumerate(processes)
    ]
    return template.render(
        processes=programs,
        socket=_escaped(str(layout.socket_file())),
        pidfile=_escaped(str(layout.socket_file().with_name("supervisord.pid"))),
        logs=_escaped(str(layout.logs_dir())),
        directory=_escaped(str(Path.cwd())),
    )


def states() -> tuple[State, ...]:
    """Of every process. Raises Unavailable when no supervisor runs."""
    return tuple(
        State(info["name"], info["statename"], info["pid"], max(0, info["now"] - info["start"]) if info["start"] else 0, info["spawnerr"])
        for info in _call("getAllProcessInfo")
    )


def is_running() -> bool:
    """Whether a supervisor answers; one that is stopping does, too."""
    try:
        _call("getState")
    except Unavailable:
        return False
    return True


def ask_to_stop() -> None:
    """Returns at once; stopping takes until the slowest process has ended."""
    _call("shutdown")


def _require_own(folder: Path) -> None:
    """In the folder for temporary files somebody else may have made one of our name, to answer for our supervisor."""
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise BadInput(f"{folder} is not a private folder of this user: remove it, or choose a shorter DATA_DIR")


def _call(method: str) -> Any:
    if layout.socket_file().exists():
        _require_own(layout.socket_file().parent)
    transport = SupervisorTransport(None, None, f"unix://{layout.socket_file()}")
    try:
        return getattr(xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor, method)()
    except xmlrpc.client.Fault as error:
        if "SHUTDOWN_STATE" in error.faultString:
            return []
        raise Unavailable(f"The process supervisor refused: {error.faultString}") from error
    except (OSError, xmlrpc.client.ProtocolError) as error:
        raise Unavailable("BalancedBio is not running here; start it with `balancedbio up`") from error
    finally:
        transport.close()


def _escaped(text: str) -> str:
    """supervisord expands `%`."""
    return text.replace("%", "%%")


def _end_with_parent() -> None:
    """Asks the kernel for SIGTERM when our parent dies, even by SIGKILL: supervisord then stops everything in order."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
