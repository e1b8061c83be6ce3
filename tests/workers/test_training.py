"""The training child, with a stand-in that counts instead of training: it resumes, is stopped, and never outlives its worker."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen, check_output
from threading import Timer

import psutil
import pytest

from core import store
from core.artifacts import verify_artifact
from core.db import unit_of_work
from core.errors import LostLease, TrainingError, Unavailable
from core.settings import ROOT, settings
from core.tables import Round, utc_now
from tests.workers.house import until
from workers import training
from workers.lease import Lease, worker_stopping
from workers.rounds import candidate_id

STANDIN = (sys.executable, str(Path(__file__).with_name("standin_trainer.py")))


@pytest.fixture
def lease(a_round: Round, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lease]:
    monkeypatch.setattr(training, "COMMAND", STANDIN)
    with unit_of_work() as session:
        fence = store.take_lease(session, a_round.id, "a test", settings().lease_seconds)
    assert fence is not None
    with Lease(a_round.id, fence) as lease:
        yield lease


def behave(round_id: str, **behaviour: object) -> Path:
    folder = training.round_folder(round_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "behaviour.json").write_text(json.dumps(behaviour))
    return folder


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def after(claim: Callable[[], object], action: Callable[[], object]) -> None:
    def look() -> None:
        if claim():
            action()
        else:
            Timer(0.05, look).start()

    look()


def test_a_launcher_on_the_leash_tells_its_processes_which_one_it_is() -> None:
    told = "import os; print(os.environ['TRAINING_LAUNCHER'] == str(os.getpid()))"
    leash = [sys.executable, "-m", "workers.leash", str(os.getpid()), sys.executable, "-c", told]
    assert check_output(leash, cwd=ROOT, text=True).strip() == "True"


def test_a_child_that_ends_well_leaves_a_whole_adapter(lease: Lease) -> None:
    assert training.train(lease)
    verify_artifact(settings().data_dir / "checkpoints" / candidate_id(lease.round_id))


def test_a_killed_child_is_started_again_and_resumes(lease: Lease) -> None:
    folder = behave(lease.round_id, steps=5, mishap="die", at=2)
    assert training.train(lease)
    assert len(lines(folder / "lives.txt")) == 2
    assert lines(folder / "steps.txt") == list("01234"), "no step twice"


def test_a_child_that_always_fails_ends_the_round_with_the_end_of_its_log(lease: Lease) -> None:
    folder = behave(lease.round_id, mishap="1", always=True)
    with pytest.raises(TrainingError, match=r"exit code 1 \(attempt 3 of 3\)(.|\n)*about to 1 at step 1"):
        training.train(lease)
    assert len(lines(folder / "lives.txt")) == training.ATTEMPTS


def test_bad_input_is_not_tried_again(lease: Lease) -> None:
    folder = behave(lease.round_id, mishap="2", always=True)
    with pytest.raises(TrainingError, match="exit code 2"):
        training.train(lease)
    assert len(lines(folder / "lives.txt")) == 1


@pytest.mark.parametrize("deaf", [False, True])
def test_cancelling_ends_the_child_even_when_it_does_not_listen(lease: Lease, monkeypatch: pytest.MonkeyPatch, deaf: bool) -> None:
    monkeypatch.setattr(training, "GRACE_SECONDS", 1.0)
    folder = behave(lease.round_id, steps=1000, deaf=deaf)

    def cancel() -> None:
        with unit_of_work() as session:
            store.get_round(session, lease.round_id).cancel_requested = True

    after(lambda: lines(folder / "steps.txt"), cancel)
    assert not training.train(lease)
    assert not alive(int(lines(folder / "lives.txt")[0]))


def test_a_replaced_worker_kills_its_child_and_stops(lease: Lease) -> None:
    folder = behave(lease.round_id, steps=1000)

    def take_over() -> None:
        with unit_of_work() as session:
            store.get_round(session, lease.round_id).lease_until = utc_now()
            session.flush()
            assert store.take_lease(session, lease.round_id, "another", 60)

    after(lambda: lines(folder / "steps.txt"), take_over)
    with pytest.raises(LostLease):
        training.train(lease)
    assert not alive(int(lines(folder / "lives.txt")[0]))


def test_a_worker_that_is_asked_to_end_stops_its_child_and_leaves_the_rest(lease: Lease) -> None:
    folder = behave(lease.round_id, steps=1000)
    after(lambda: lines(folder / "steps.txt"), worker_stopping.set)
    with pytest.raises(Unavailable):
        training.train(lease)
    assert not alive(int(lines(folder / "lives.txt")[0]))


def test_the_child_of_a_frozen_worker_is_ended_before_another_one_starts(lease: Lease) -> None:
    folder = behave(lease.round_id, steps=20)
    with training._only_child(folder / "training.lock") as lock:
        frozen = Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=(lock,), process_group=0)
        os.pwrite(lock, str(frozen.pid).encode(), 0)
    assert training.train(lease)
    assert frozen.wait(5) == -signal.SIGKILL


def test_the_child_dies_with_its_worker(house: Path, tmp_path: Path) -> None:
    program = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "workers.leash", str(os.getpid()), sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    worker = Popen([sys.executable, "-c", program])
    until(lambda: lines(tmp_path / "pid"))
    child = int(lines(tmp_path / "pid")[0])
    until(lambda: "workers.leash" not in psutil.Process(child).cmdline(), what="the leash became the command")
    worker.kill()
    worker.wait()
    until(lambda: not alive(child), 5)


def test_secrets_in_a_log_do_not_reach_the_page(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("connecting with bb-abcdefghijklmnopqrstuvwxyz\n")
    assert "ghijkl" not in training.log_tail(tmp_path / "log")


def test_a_child_that_is_late_to_write_is_not_waited_for_for_ever(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "GRACE_SECONDS", 0.5)
    folder = behave(lease.round_id)
    with training._only_child(folder / "training.lock"):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="Another training process"):
            training.train(lease)
    assert time.monotonic() - began < 5


def test_with_an_accelerate_configuration_the_child_is_its_launcher(test_settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_CONFIG", "deploy/accelerate/fsdp.yaml")
    settings.cache_clear()
    assert training._command()[1:] == ("-m", "accelerate.commands.launch", "--config_file", "deploy/accelerate/fsdp.yaml", "-m", "alignment", "train")
