"""The faults. Each is a function that brings one about and returns when it is over; mending it is the product's own business."""

import asyncio
import os
import re
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from app.stack import supervisor
from core.settings import settings
from tests.benchmarks.faults.clients import QUESTIONS, Clients

_LONG_REPLY = {"min_tokens": 700, "max_tokens": 700, "evidence": False}
"""Seconds of the starter model."""
_HELD_SECONDS = 10.0
_SLOW_CLIENTS = 8


class Fault(NamedTuple):
    about: str
    bring: Callable[[Clients], Awaitable[str]]
    """Returns what is to be said of it, or nothing."""
    process: str = ""
    """supervisord's name of the process that dies, if one does."""


async def _kill(name: str) -> str:
    pid = next(state.pid for state in supervisor.states() if state.name == name)
    os.kill(pid, signal.SIGKILL)
    return ""


async def _lock_database(_: Clients) -> str:
    with sqlite3.connect(settings().resolved_database_url.removeprefix("sqlite:///"), isolation_level=None, timeout=5) as other:
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.sleep(_HELD_SECONDS)
        other.execute("ROLLBACK")
    other.close()
    return ""


async def _fill_disk(_: Clients) -> str:
    ballast = settings().data_dir / "ballast"
    try:
        for size in (1 << 20, 1 << 12, 1):
            _write_until_full(ballast, b"x" * size)
        await asyncio.sleep(_HELD_SECONDS)
    finally:
        ballast.unlink(missing_ok=True)
    return "a tmpfs as DATA_DIR"


def _write_until_full(path: Path, block: bytes) -> None:
    with path.open("ab", buffering=0) as out:
        try:
            while out.write(block) == len(block):
                pass
        except OSError:
            return


async def _read_slowly(clients: Clients) -> str:
    asked = [clients.note("turn", lambda: clients.ask(QUESTIONS[0], wait_before_reading=_HELD_SECONDS)) for _ in range(_SLOW_CLIENTS)]
    answers = [seen.answer for seen in await asyncio.gather(*asked)]
    return f"{answers.count('200')} of {_SLOW_CLIENTS} slow ones served whole"


async def _leave(clients: Clients) -> str:
    """A second long reply goes on meanwhile: vLLM's gauge is brought up to date only while it computes."""
    witness = asyncio.create_task(clients.note("turn", lambda: clients.ask(QUESTIONS[1], **_LONG_REPLY)))
    gone = 0.0

    async def until_both_run() -> None:
        nonlocal gone
        await _until_running(2)
        gone = time.monotonic()

    await clients.hang_up(QUESTIONS[0], until_both_run, **_LONG_REPLY)
    await _until_running(1)
    seconds = time.monotonic() - gone
    is_witness_running = not witness.done()
    await witness
    return f"aborted after {seconds:.2f} s" if is_witness_running else "the other reply had ended too: nothing measured"


async def _until_running(requests: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(20):
        while True:
            found = re.search(r"^vllm:num_requests_running\{[^}]*\} ([0-9.]+)", (await client.get(f"{settings().vllm_root}/metrics")).text, re.MULTILINE)
            if found is not None and float(found[1]) == requests:
                return
            await asyncio.sleep(0.02)


FAULTS = {
    "vllm": Fault("kill -9 of vLLM", lambda _: _kill("vllm"), "vllm"),
    "redis": Fault("kill -9 of Redis", lambda _: _kill("redis"), "redis"),
    "gateway": Fault("kill -9 of the gateway", lambda _: _kill("app"), "app"),
    "worker": Fault("kill -9 of the worker for short jobs", lambda _: _kill("worker-short"), "worker-short"),
    "locked": Fault(f"database locked for {_HELD_SECONDS:.0f} s by another process", _lock_database),
    "disk": Fault(f"disk full for {_HELD_SECONDS:.0f} s", _fill_disk),
    "slow": Fault(f"{_SLOW_CLIENTS} clients that read nothing for {_HELD_SECONDS:.0f} s", _read_slowly),
    "gone": Fault("client gone in mid-stream", _leave),
}
