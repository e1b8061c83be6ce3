"""Exams over HTTP: sat once, sat again when the endpoint dies in the middle, left off when nobody waits for them any more."""

from collections.abc import Callable, Iterator
from subprocess import Popen
from threading import Thread

import pytest
from sqlalchemy import select

from core import store
from core.db import reading, unit_of_work
from core.errors import LostLease, Unavailable
from core.settings import settings
from core.tables import Checkpoint, Exam, Round, utc_now
from core.types import EvalReport
from evals.suites import load_suite
from tests.workers.house import fetch, until
from workers import examination
from workers.examination import examine
from workers.lease import Lease

Vllm = Callable[..., "Popen[bytes]"]


@pytest.fixture
def lease(a_round: Round) -> Iterator[Lease]:
    with unit_of_work() as session:
        fence = store.take_lease(session, a_round.id, "a test", settings().lease_seconds)
    assert fence is not None
    with Lease(a_round.id, fence) as lease:
        yield lease


@pytest.fixture
def base(house: object) -> Checkpoint:
    with reading() as session:
        return store.production(session)


def exams() -> list[Exam]:
    with reading() as session:
        return list(session.scalars(select(Exam).order_by(Exam.created_at)))


def test_an_exam_is_sat_once_and_then_read(lease: Lease, base: Checkpoint, vllm: Vllm) -> None:
    process = vllm()
    first = examine(lease, base, load_suite("smoke"))
    process.kill()
    assert first is not None
    assert examine(lease, base, load_suite("smoke")) == first, "vLLM is gone, the report is not"
    [exam] = exams()
    assert exam.scores
    assert fetch(lease.round_id).progress is not None


def test_a_report_that_was_filed_but_not_registered_is_registered(lease: Lease, base: Checkpoint, vllm: Vllm) -> None:
    vllm()
    report = examine(lease, base, load_suite("smoke"))
    with unit_of_work() as session:
        session.query(Exam).delete()
    assert examine(lease, base, load_suite("smoke")) == report
    assert len(exams()) == 1


def test_an_exam_is_sat_again_when_vllm_dies_in_the_middle(lease: Lease, base: Checkpoint, vllm: Vllm) -> None:
    first = vllm(seconds=0.2)
    reports: list[EvalReport | None] = []
    exam = Thread(target=lambda: reports.append(examine(lease, base, load_suite("smoke"))))
    exam.start()
    until(lambda: (fetch(lease.round_id).progress or {}).get("done"), what="the exam has begun")
    first.kill()
    first.wait()
    vllm()
    exam.join(60)
    assert reports[0] is not None
    assert all(r.error is None for r in reports[0].items)
    assert len(reports[0].items) == len(load_suite("smoke").items)


def test_vllm_that_stays_away_leaves_the_round_for_later(lease: Lease, base: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "HEALTHY_WITHIN_SECONDS", 1.0)
    with pytest.raises(Unavailable, match="did not become healthy"):
        examine(lease, base, load_suite("smoke"))
    assert exams() == []


def test_cancelling_ends_an_exam(lease: Lease, base: Checkpoint, vllm: Vllm) -> None:
    vllm(seconds=1.0)
    with unit_of_work() as session:
        store.get_round(session, lease.round_id).cancel_requested = True
    assert examine(lease, base, load_suite("smoke")) is None
    assert exams() == []


def test_cancelling_does_not_wait_for_a_vllm_that_is_away(lease: Lease, base: Checkpoint) -> None:
    with unit_of_work() as session:
        store.get_round(session, lease.round_id).cancel_requested = True
    assert examine(lease, base, load_suite("smoke")) is None


def test_a_worker_that_was_replaced_leaves_the_exam(lease: Lease, base: Checkpoint, vllm: Vllm) -> None:
    vllm(seconds=1.0)
    with unit_of_work() as session:
        store.get_round(session, lease.round_id).lease_until = utc_now()
        session.flush()
        assert store.take_lease(session, lease.round_id, "another", 60)
    with pytest.raises(LostLease):
        examine(lease, base, load_suite("smoke"))
    assert exams() == []
