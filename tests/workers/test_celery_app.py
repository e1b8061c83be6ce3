"""Real worker processes with a real Redis: killed, doubled, lost, cancelled, asked to end. Training, dataset and gate are stand-ins."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from core import jobs, store
from core.db import reading, unit_of_work
from core.states import RoundStatus
from core.tables import Exam, Round
from tests.workers.house import fetch, in_status, until
from tests.workers.trial import CRITICAL, POLICY, Trial, sign_off
from workers import beat, training

pytestmark = pytest.mark.flow  # processes start and leases lapse: minutes, not seconds

Worker = Callable[[str], "Popen[bytes]"]
Vllm = Callable[..., "Popen[bytes]"]


@pytest.fixture
def slow(a_round: Round) -> Path:
    """The round's training takes about four seconds. Returns its folder."""
    folder = training.round_folder(a_round.id)
    folder.mkdir(parents=True)
    (folder / "behaviour.json").write_text(json.dumps({"steps": 20, "seconds": 0.2}))
    return folder


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def in_training(folder: Path) -> Callable[[], bool]:
    return lambda: len(lines(folder / "steps.txt")) >= 3


def watched(claim: Callable[[], bool]) -> Callable[[], bool]:
    """`claim`, with beat looking on: what beat's process does every ten seconds happens at every look."""

    def look() -> bool:
        beat.watch()
        return claim()

    return look


def test_a_round_walks_through_both_queues(a_round: Round, worker: Worker, vllm: Vllm) -> None:
    vllm()
    worker("train")
    worker("short")
    jobs.send(jobs.ROUND_TRAIN, a_round.id)
    until(in_status(a_round.id, RoundStatus.AWAITING_SIGNOFF), 60)
    with unit_of_work() as session:
        store.get_round(session, a_round.id).signed_off_by = "a clinician"
    for _ in range(3):
        jobs.send(jobs.ROUND_STEP, a_round.id)
    until(in_status(a_round.id, RoundStatus.PROMOTED))
    with reading() as session:
        assert session.query(Exam).count() == 2, "parent and candidate, each once"


def test_a_killed_worker_takes_its_child_along_and_another_worker_goes_on(a_round: Round, slow: Path, worker: Worker, vllm: Vllm) -> None:
    vllm()
    first = worker("train")
    jobs.send(jobs.ROUND_TRAIN, a_round.id)
    until(in_training(slow))
    child = int(lines(slow / "lives.txt")[0])
    first.kill()
    first.wait()
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE, 5, "the child is gone")
    worker("train,short")
    until(watched(in_status(a_round.id, RoundStatus.AWAITING_SIGNOFF)), 60)
    assert lines(slow / "steps.txt") == [str(step) for step in range(20)], "resumed, no step twice"
    assert len(lines(slow / "lives.txt")) == 2


def test_a_frozen_worker_is_replaced_and_does_no_harm_when_it_wakes(a_round: Round, slow: Path, worker: Worker, vllm: Vllm) -> None:
    vllm()
    first = worker("train")
    jobs.send(jobs.ROUND_TRAIN, a_round.id)
    until(in_training(slow))
    first.send_signal(signal.SIGSTOP)
    worker("train,short")
    until(watched(in_status(a_round.id, RoundStatus.AWAITING_SIGNOFF)), 60)
    settled = fetch(a_round.id)
    first.send_signal(signal.SIGCONT)
    jobs.send(jobs.ROUND_TRAIN, "round-of-nothing")
    until(lambda: "message about nothing" in "".join(p.read_text(errors="replace") for p in slow.parents[1].glob("*.out")), what="a worker is at work again")
    row = fetch(a_round.id)
    assert (row.status, row.fence, row.candidate_id) == (settled.status, settled.fence, settled.candidate_id)
    steps = lines(slow / "steps.txt")
    assert len(set(steps)) == 20


def test_a_worker_that_is_asked_to_end_ends_soon_and_the_next_one_resumes(a_round: Round, slow: Path, worker: Worker, vllm: Vllm) -> None:
    vllm()
    first = worker("train")
    jobs.send(jobs.ROUND_TRAIN, a_round.id)
    until(in_training(slow))
    first.terminate()
    assert first.wait(10) == 0
    assert fetch(a_round.id).lease_until is None, "given back, not left to lapse"
    worker("train,short")
    until(watched(in_status(a_round.id, RoundStatus.AWAITING_SIGNOFF)), 60)
    assert lines(slow / "steps.txt") == [str(step) for step in range(20)]


def test_a_canary_is_looked_at_by_whatever_worker_there_is_until_its_harm_ends_it(a_round: Round, worker: Worker, vllm: Vllm) -> None:
    vllm()
    first = worker("short")
    sign_off(a_round.id, POLICY)
    until(watched(in_status(a_round.id, RoundStatus.CANARY)), 60)
    trial = Trial(a_round.id)
    trial.converse(5)
    until(watched(lambda: trial.state.candidate.turns == 5), 60, "a look at five turns")
    first.kill()
    first.wait()
    trial.converse(20, candidate={"findings": [CRITICAL]})
    worker("short")
    until(watched(in_status(a_round.id, RoundStatus.HELD)), 60)
    assert "stopped for harm: unsafe" in (fetch(a_round.id).error or "")


def test_cancelling_reaches_a_training_child_in_seconds(a_round: Round, slow: Path, worker: Worker) -> None:
    worker("train")
    jobs.send(jobs.ROUND_TRAIN, a_round.id)
    until(in_training(slow))
    with unit_of_work() as session:
        store.get_round(session, a_round.id).cancel_requested = True
    until(in_status(a_round.id, RoundStatus.CANCELLED), 5)
    assert not psutil.pid_exists(int(lines(slow / "lives.txt")[0]))


def test_a_message_that_was_never_sent_is_made_up_for(a_round: Round, worker: Worker) -> None:
    worker("train")
    until(watched(in_status(a_round.id, RoundStatus.EVALUATING)), 60)


def test_a_broker_that_is_away_does_not_fail_the_stage(a_round: Round) -> None:
    jobs.send(jobs.ROUND_TRAIN, a_round.id)
    assert fetch(a_round.id).status == RoundStatus.QUEUED


def test_beat_asks_a_worker_to_watch(house: Path, a_round: Round, redis: str, start: Callable[..., "Popen[bytes]"], worker: Worker) -> None:
    start(sys.executable, "-m", "celery", "-A", "workers.celery_app:celery", "beat", "-s", str(house / "beat"), "--pidfile", "", "--loglevel", "WARNING")
    worker("train,short")
    until(in_status(a_round.id, RoundStatus.EVALUATING), 60)
    assert os.path.exists(house / "checkpoints")
