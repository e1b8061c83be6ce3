"""What is compared: the mock asked directly, through the gateway, and through LiteLLM's proxy. Each is a process of its own."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from app.stack import first_run
from core import store
from core.db import unit_of_work
from core.settings import ROOT, settings

_READY_SECONDS = 120.0


class Target(NamedTuple):
    name: str
    url: str
    key: str
    model: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Of the process and its children so far."""
        return sum(sum(p.cpu_times()[:2]) for p in (self.process, *self.process.children(recursive=True)))


def furnish(folder: Path, port: int, upstream: str) -> Mapping[str, str]:
    """A data folder as the first start leaves it: schema, base model in production, an API key. Returns the gateway's environment."""
    own = {
        "DATA_DIR": str(folder / "var"),
        "SECRET_KEY": "of-a-benchmark-only-" + "x" * 20,
        "DATABASE_URL": "",
        "PORT": str(port),
        "VLLM_URL": upstream,
        "GRADIO_ANALYTICS_ENABLED": "False",
        # Counted, and never reached.
        "REQUESTS_PER_MINUTE": "1000000",
        "TOKENS_PER_MINUTE": "1000000000",
    }
    os.environ.update(own)
    settings.cache_clear()
    first_run.ensure_schema()
    with unit_of_work() as session:
        store.ensure_base_checkpoint(session, "starter", "0" * 64)
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path, health: str) -> Iterator[psutil.Process]:
    """The process, once `health` answers. Raises RuntimeError with the end of its log when it does not."""
    with log.open("wb") as out, subprocess.Popen(command, env=dict(env), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            _wait_until_healthy(process, log, health)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait_until_healthy(process: "subprocess.Popen[bytes]", log: Path, health: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(health, timeout=2.0, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"{health} did not answer; the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")
