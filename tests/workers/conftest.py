"""One empty house for each test: a data folder, a migrated database, a base checkpoint in production. Redis and workers are real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.stack.requirements import find_redis_server
from core import jobs, store
from core.db import engine_for, migrate, reading, unit_of_work
from core.settings import ROOT, settings, vllm_root
from core.tables import Round
from tests.workers.house import accepts, free_port, start_round, until
from workers.lease import worker_stopping


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    environment = {
        "SECRET_KEY": "k" * 40,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": "",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "VLLM_URL": f"http://127.0.0.1:{free_port()}/v1",
        "LEASE_SECONDS": "5",
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "WARNING",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    worker_stopping.clear()
    migrate()
    with unit_of_work() as session:
        store.ensure_base_checkpoint(session, settings().base_model, "0" * 64)
    yield tmp_path
    engine_for(settings().resolved_database_url).dispose()
    settings.cache_clear()
    worker_stopping.clear()


@pytest.fixture
def a_round(house: Path) -> Round:
    """A queued round with the test recipe and the small exam."""
    return start_round()


@pytest.fixture
def start(house: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts a process that is ended with the test. Its output goes to the test's folder, `*.out`."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*argv: str) -> "subprocess.Popen[bytes]":
        with (house / f"{len(running)}.out").open("wb") as output:
            running.append(subprocess.Popen(argv, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=ROOT))
        return running[-1]

    yield begin
    for process in reversed(running):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


@pytest.fixture
def redis(house: Path, start: Callable[..., "subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch) -> str:
    """A real Redis, empty."""
    port = free_port()
    start(find_redis_server() or "redis-server", "--port", str(port), "--save", "", "--dir", str(house))
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
    settings.cache_clear()
    until(lambda: accepts(port), what="Redis")
    # This process may have sent to another test's Redis before, and keeps its connections.
    jobs.celery._pool = jobs.celery.amqp._producer_pool = None
    return settings().redis_url


@pytest.fixture
def vllm(house: Path, start: Callable[..., "subprocess.Popen[bytes]"]) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Starts the stand-in for vLLM, with the base checkpoint and whatever else is named, and waits for it."""

    def begin(*adapters: str, seconds: float = 0.0, name: str = "vllm") -> "subprocess.Popen[bytes]":
        with reading() as session:
            base = store.base_of(session, store.production(session)).id
        root = vllm_root(settings().vllm_replicas[name])
        port = root.rpartition(":")[2]
        process = start(sys.executable, str(Path(__file__).with_name("standin_vllm.py")), port, base, str(seconds), *adapters)
        until(lambda: accepts(int(port)), what="the stand-in for vLLM")
        assert httpx.get(f"{root}/health").is_success
        return process

    return begin


@pytest.fixture
def worker(redis: str, start: Callable[..., "subprocess.Popen[bytes]"]) -> Callable[[str], "subprocess.Popen[bytes]"]:
    """Starts a real Celery worker for the named queues, with the stand-ins of `standin_app`."""

    def begin(queues: str) -> "subprocess.Popen[bytes]":
        pool = ("--pool", "threads", "--concurrency", "2") if queues == "short" else ("--pool", "solo")
        options = (*pool, "-Q", queues, "-n", f"w{os.urandom(3).hex()}@%h", "--without-gossip", "--without-mingle", "--loglevel", "INFO")
        return start(sys.executable, "-m", "celery", "-A", "tests.workers.standin_app:celery", "worker", *options)

    return begin
