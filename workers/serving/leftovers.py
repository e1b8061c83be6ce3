"""Engines that outlive a vLLM that was killed.

vLLM is two processes, server and engine. `kill -9` of the server leaves the engine behind, holding its memory for ever (measured:
1 GB, still there minutes later), and it hides its environment and open files. So each start notes its process group, and the next
start ends whatever engine of that group has lost its server.
"""

import os
from contextlib import suppress
from pathlib import Path

import psutil

from core.artifacts import write_text_atomically
from core.logging import get_logger

_NOTE = "vllm.group"
_ENGINE = "VLLM::"
_SERVER = "vllm.entrypoints"

log = get_logger("serving")


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
    ended = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and _command(process).startswith(_ENGINE) and _SERVER not in _command(process.parent()):
                log.warning("ending the engine of a vLLM that was killed", pid=process.pid)
                process.kill()
                ended.append(process.pid)
    return ended


def _command(process: psutil.Process | None) -> str:
    return " ".join(process.cmdline()) if process else ""
