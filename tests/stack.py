"""The whole product on ports of its own, for flows and for the benchmark of faults: real vLLM with the shipped starter model, Redis, Celery."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import openai
import psutil
import pytest

from core.settings import ROOT

_START_SECONDS = 300


class Stack(NamedTuple):
    env: Mapping[str, str]
    address: str
    key: str
    password: str
    """The first admin's one-time password."""

    def command(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Runs `balancedbio ARGUMENTS` as a user would."""
        return _balancedbio(arguments, self.env, timeout)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(method, f"{self.address}/v1/{path}", json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=60)
        assert answer.is_success, answer.text
        return answer.json()

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.address}/v1", api_key=self.key, max_retries=0)

    def processes(self, fragment: str) -> list[psutil.Process]:
        """Live processes of this stack (and only of it) whose command line holds `fragment`."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("DATA_DIR") == self.env["DATA_DIR"] and fragment in " ".join(process.cmdline()) and process.status() != "zombie":
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


@contextmanager
def started(folder: Path, replicas: int = 1, **settings: str) -> Iterator[Stack]:
    """A stack whose data lies in `folder`; `settings` come on top of those that keep it apart from any other.

    vLLM computes in float32, so that a text does not depend on what else is in its batch. Nobody's requests are limited.
    """
    app_port, redis_port, *vllm_ports = free_ports(2 + replicas)
    own = {
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a-key-for-flows-only-" + "x" * 20,
        "DATABASE_URL": "",
        "PORT": str(app_port),
        "VLLM_URL": ",".join(f"http://127.0.0.1:{port}/v1" for port in vllm_ports),
        "VLLM_DTYPE": "float32",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "REQUESTS_PER_MINUTE": "0",
        "TOKENS_PER_MINUTE": "0",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
        **settings,
    }
    env = {**os.environ, **own}
    env.pop("BALANCEDBIO_API_KEY", None)
    try:
        up = _balancedbio(("up", "--detach"), env, _START_SECONDS)
        assert up.returncode == 0, f"{up.stdout}\n{up.stderr}"
        lines = {line.split()[0]: line for line in up.stdout.splitlines() if line.strip()}
        yield Stack(env=env, address=f"http://127.0.0.1:{app_port}", key=(folder / "api_key").read_text().strip(), password=lines["Password"].split()[1])
    finally:
        _balancedbio(("down",), env, 120)


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 240) -> Any:
    """The first true value of `condition`; fails with `what` when it stays false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.3)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


def _balancedbio(arguments: tuple[str, ...], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
    return subprocess.run(program, env=dict(env), cwd=ROOT, text=True, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False)
