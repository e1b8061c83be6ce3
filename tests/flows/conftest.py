"""The whole product, started once for all flows: real vLLM with the shipped starter model, real Redis, real Celery, on ports of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import openai
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
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


def _balancedbio(arguments: tuple[str, ...], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
    return subprocess.run(program, env=dict(env), cwd=ROOT, text=True, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("var")) as started:
        yield started


@contextmanager
def running(data_dir: Path, replicas: int = 1) -> Iterator[Stack]:
    """`balancedbio up`, and down at the end. vLLM computes in float32, so that a text does not depend on what else is in its batch."""
    app_port, redis_port, *vllm_ports = _free_ports(2 + replicas)
    own = {
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": "a-key-for-flows-only-" + "x" * 20,
        "DATABASE_URL": "",
        "PORT": str(app_port),
        "VLLM_URL": ",".join(f"http://127.0.0.1:{port}/v1" for port in vllm_ports),
        "VLLM_DTYPE": "float32",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "GATE_POLICY": str(HERE / "policy.toml"),
        "ROUND_RECIPE": str(HERE / "recipe.toml"),
        "LEASE_SECONDS": "5",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
    }
    env = {**os.environ, **own}
    env.pop("BALANCEDBIO_API_KEY", None)
    try:
        started = _balancedbio(("up", "--detach"), env, _START_SECONDS)
        assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
        lines = {line.split()[0]: line for line in started.stdout.splitlines() if line.strip()}
        yield Stack(
            env=env,
            address=f"http://127.0.0.1:{app_port}",
            key=(data_dir / "api_key").read_text().strip(),
            password=lines["Password"].split()[1],
        )
    finally:
        _balancedbio(("down",), env, 120)
