"""Engines that outlive a vLLM that was killed.

vLLM is two processes, server and engine. `kill -9` of the server leaves the engine behind, holding its memory for ever (measured:
1 GB, still there minutes later), and it hides its environment and open files. So each start notes its process group, and the next
start ends whatever engine of that group has lost its server.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.artifacts import write_text_atomically
from core.logging import get_logger

_NOTE = "vllm.group"
_ENGINE = "VLLM::"
_SERVER = "vllm.entrypoints"

log = get_logger("serving")


class _Process(NamedTuple):
    pid: int
    parent: int
    group: int


def remember_group(data_dir: Path) -> None:
    """To be called just before the process becomes vLLM."""
    data_dir.mkdir(parents=True, exist_ok=True)
    write_text_atomically(data_dir / _NOTE, str(os.getpgrp()))


def end_leftovers(data_dir: Path) -> list[int]:
    """Kills the orphaned engines of the vLLM that this data folder's launcher started last. Returns their process ids."""
    note = data_dir / _NOTE
    if not note.exists():
        return []
    group = int(note.read_text())
    orphans = [p.pid for p in _processes() if p.group == group and _name(p.pid).startswith(_ENGINE) and _SERVER not in _name(p.parent)]
    for pid in orphans:
        log.warning("ending the engine of a vLLM that was killed", pid=pid)
        os.kill(pid, signal.SIGKILL)
    return orphans


def _processes() -> Iterator[_Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may hold blanks and brackets itself; after its end come state, parent, group.
            _, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # gone in the meantime
        yield _Process(int(folder.name), int(parent), int(group))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
