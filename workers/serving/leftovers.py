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

_ENGINE = "VLLM::"
_SERVERS = ("vllm.entrypoints", "vllm_cpu.py")

log = get_logger("serving")


def remember_group(data_dir: Path, name: str) -> None:
    """To be called just before the process becomes the vLLM of that name."""
    data_dir.mkdir(parents=True, exist_ok=True)
    write_text_atomically(_note(data_dir, name), str(os.getpgrp()))


def end_leftovers(data_dir: Path, name: str) -> list[int]:
    """Kills the orphaned engines of the vLLM that the launcher started last under that name in this data folder. Returns their process ids."""
    note = _note(data_dir, name)
    if not note.exists():
        return []
    group = int(note.read_text())
    ended = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and _command(process).startswith(_ENGINE) and not _is_server(process.parent()):
                log.warning("ending the engine of a vLLM that was killed", pid=process.pid)
                process.kill()
                ended.append(process.pid)
    return ended


def _note(data_dir: Path, name: str) -> Path:
    return data_dir / f"{name}.group"


def _is_server(process: psutil.Process | None) -> bool:
    return any(server in _command(process) for server in _SERVERS)


def _command(process: psutil.Process | None) -> str:
    return " ".join(process.cmdline()) if process else ""
