"""`balancedbio up` as a person meets it: real Redis, Celery, beat and app under the real supervisor; only vLLM is a stand-in on another address."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.stack import leftovers, up
from core import store
from core.db import engine_for, reading
from core.settings import ROOT, Settings, settings
from tests.app.test_cli.standin_api import serving
from tests.workers.conftest import free_port

pytestmark = pytest.mark.flow

_READY_SECONDS = 180.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_settings: Settings) -> Iterator[Path]:
    """A folder to start in, with settings whose vLLM is elsewhere (the loopback net has many addresses) and answers for production."""

    def models(_: dict[str, Any]) -> tuple[int, Any]:
        with reading() as session:
            return 200, {"data": [{"id": store.production(session).id}]}

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with serving({"GET /health": (200, {}), "GET /v1/models": models}, host="127.0.0.2") as vllm:
        values = {"PORT": free_port(), "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "VLLM_URL": f"http://127.0.0.2:{vllm}/v1"}
        for name, value in (values | {"BASE_MODEL": tmp_path / "model", "PYTHONPATH": ROOT}).items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.delenv("SECRET_KEY")
        monkeypatch.chdir(tmp_path)
        yield tmp_path
        settings.cache_clear()
        if (tmp_path / ".env").exists():
            up.stop()
            engine_for(settings().resolved_database_url).dispose()


def _up(home: Path) -> tuple["subprocess.Popen[bytes]", Path]:
    output = home / f"up-{time.monotonic_ns()}.out"
    with output.open("wb") as stream:
        return subprocess.Popen([sys.executable, "-c", "from app.cli import main; main()", "up"], stdout=stream, stderr=stream), output


def _wait(claim: Callable[[], object], what: Callable[[], str], seconds: float = _READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def test_it_starts_says_where_it_is_stops_whole_and_starts_again_with_everything(home: Path) -> None:
    first, said = _up(home)
    _wait(lambda: "Stop with" in said.read_text() or first.poll() is not None, said.read_text)
    assert first.poll() is None, said.read_text()
    assert "Password" in said.read_text()
    settings.cache_clear()
    readable = [p for p in (home / "var").rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert (home / "var" / "balancedbio.db").exists()
    assert not readable, "files that others on this machine can read"
    names = [" ".join(p.cmdline()) for p in leftovers.find()]
    assert any("redis-server" in n for n in names)
    assert sum("celery" in n for n in names) == 3, names

    second = subprocess.run([sys.executable, "-c", "from app.cli import main; main()", "up"], capture_output=True, text=True)
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1)
    assert "already running" in second.stderr

    # Killed without a chance to clean up: the kernel tells the supervisor, and it stops the rest in order.
    first.kill()
    first.wait()
    _wait(lambda: not leftovers.find(), lambda: str(leftovers.find()), seconds=60)

    again, said = _up(home)
    _wait(lambda: "Stop with" in said.read_text() or again.poll() is not None, said.read_text)
    assert "Password  " not in said.read_text()
    assert "the one from the first start" in said.read_text()
    worker = next(p for p in leftovers.find() if "train@" in " ".join(p.cmdline()))
    os.kill(worker.pid, signal.SIGKILL)
    _wait(lambda: "worker-train had stopped and was started again" in said.read_text(), said.read_text, seconds=30)
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 0
    assert leftovers.find() == []
    assert "Nothing is lost" in said.read_text()
