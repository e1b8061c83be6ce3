"""A real supervisord: it starts, restarts, gives up with the reason, and leaves nothing behind, however its starter ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from app.stack import layout, leftovers, supervisor, up
from app.stack.processes import Process
from core.errors import BadInput, Unavailable
from core.settings import ROOT, Settings

pytestmark = pytest.mark.usefixtures("test_settings")


def _process(name: str, *argv: str, retries: int = 3) -> Process:
    return Process(name, argv, {}, "a test", start_seconds=0, stop_seconds=5, start_retries=retries)


SLEEPER = _process("redis", "sleep", "600")
GRANDPARENT = _process("vllm", "sh", "-c", "sleep 601 & wait")


def _until(claim: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _running(name: str) -> int:
    """The pid, or 0."""
    return next((s.pid for s in supervisor.states() if s.name == name and s.status == "RUNNING"), 0) if supervisor.is_running() else 0


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    daemons = []

    def begin(*parts: Process) -> subprocess.Popen[bytes]:
        daemons.append(supervisor.start(parts, detached=True))
        return daemons[-1]

    yield begin
    up.stop(seconds=20)
    for daemon in daemons:
        daemon.wait(20)


def test_what_is_killed_is_started_again(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    start(SLEEPER)
    _until(lambda: _running("redis"))
    first = _running("redis")
    os.kill(first, signal.SIGKILL)
    _until(lambda: _running("redis") not in (0, first))


def test_a_full_disk_ends_neither_the_supervisor_nor_its_work(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    layout.logs_dir().mkdir(parents=True)
    for log in ("supervisord.log", "supervisord.err", "redis.log"):
        (layout.logs_dir() / log).symlink_to("/dev/full")
    daemon = start(_process("redis", "sh", "-c", "while echo a line; do sleep 0.05; done"))
    _until(lambda: _running("redis"))
    talker = psutil.Process(_running("redis"))
    with pytest.raises(psutil.TimeoutExpired):
        talker.wait(2)  # it ends when nobody reads its lines any more
    assert daemon.poll() is None
    talker.kill()
    _until(lambda: _running("redis") not in (0, talker.pid))


def test_stopping_ends_grandchildren_too(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    daemon = start(SLEEPER, GRANDPARENT)
    _until(lambda: _running("vllm") and psutil.Process(_running("vllm")).children())
    everything = [p.pid for p in leftovers.find()]
    assert len(everything) == 4
    assert up.stop()
    daemon.wait(10)
    assert leftovers.find() == []
    assert not supervisor.is_running()


def test_a_supervisor_that_was_killed_leaves_processes_that_are_found_and_stopped(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    daemon = start(SLEEPER)
    _until(lambda: _running("redis"))
    daemon.kill()
    daemon.wait()
    _until(lambda: [p.name() for p in leftovers.find()] == ["sleep"])  # until env has become it
    assert up.stop()
    assert leftovers.find() == []


def test_a_process_that_has_hidden_its_environment_is_known_by_its_session(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    daemon = start(_process("redis", "env", "-i", "sleep", "602"))
    _until(lambda: _running("redis"))
    daemon.kill()
    daemon.wait()
    _until(lambda: [p.name() for p in leftovers.find()] == ["sleep"])  # until env has become it
    assert up.stop()
    assert leftovers.find() == []


def test_a_session_number_that_somebody_else_has_now_is_not_ours() -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        layout.data_dir().mkdir()
        leftovers.remember_session(stranger.pid)
        assert [p.pid for p in leftovers.find()] == [stranger.pid]
        noted = json.loads(layout.session_file().read_text())
        layout.session_file().write_text(json.dumps([noted[0], noted[1] - 60, noted[2]]))
        assert leftovers.find() == []
    finally:
        stranger.kill()
        stranger.wait()


def test_another_data_folders_processes_are_let_be(start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], env={**os.environ, "BALANCEDBIO_STACK": str(tmp_path / "elsewhere")})
    try:
        assert leftovers.find() == []
        assert not up.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_nothing_survives_the_kill_of_the_process_that_started_it(test_settings: Settings) -> None:
    code = """
import time
from app.stack import supervisor
from tests.app.test_stack.test_supervisor import SLEEPER
supervisor.start([SLEEPER], detached=False)
time.sleep(600)"""
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _until(lambda: _running("redis"))
    finally:
        starter.kill()
        starter.wait()
    _until(lambda: not leftovers.find(), seconds=15)


def test_a_process_that_keeps_dying_is_shown_with_the_end_of_its_log(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    failing = _process("beat", sys.executable, "-c", "print('the disk is on fire'); raise SystemExit(3)", retries=0)
    failing = failing._replace(start_seconds=2)
    daemon = start(failing)
    with pytest.raises(Unavailable, match=r"(?s)beat keeps stopping.*beat\.log.*the disk is on fire"):
        up.wait_until_healthy(Console(file=StringIO()), (failing,), daemon)


def test_asking_a_stack_that_does_not_run_says_how_to_start_it() -> None:
    with pytest.raises(Unavailable, match="balancedbio up"):
        supervisor.states()
    assert not supervisor.is_running()
    assert not up.stop()


def test_a_socket_in_a_folder_that_others_may_write_to_is_not_spoken_to() -> None:
    layout.socket_file().parent.mkdir(parents=True)
    layout.socket_file().touch()
    layout.socket_file().parent.chmod(0o777)
    with pytest.raises(BadInput, match="not a private folder"):
        supervisor.is_running()
