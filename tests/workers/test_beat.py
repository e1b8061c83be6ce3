"""The watch: lost jobs are sent again, hopeless ones given up, due rounds started."""

from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from core import jobs, store
from core.db import reading, unit_of_work
from core.settings import settings
from core.states import RoundStatus
from core.tables import Round, utc_now
from tests.workers.house import fetch
from workers import beat


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(jobs, "send", lambda name, argument: messages.append((name, argument)))
    return messages


def change(round_id: str, **changes: object) -> None:
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        for name, value in changes.items():
            setattr(row, name, value)


@pytest.mark.parametrize(
    ("status", "job"),
    [
        (RoundStatus.QUEUED, jobs.ROUND_TRAIN),
        (RoundStatus.TRAINING, jobs.ROUND_TRAIN),
        (RoundStatus.EVALUATING, jobs.ROUND_STEP),
        (RoundStatus.CANARY, jobs.ROUND_STEP),
    ],
)
def test_a_round_without_a_worker_is_sent_again(a_round: Round, sent: list[tuple[str, str]], status: RoundStatus, job: str) -> None:
    change(a_round.id, status=status)
    beat.watch()
    assert sent == [(job, a_round.id)]


def test_a_round_at_work_is_left_alone_until_its_worker_goes_silent(a_round: Round, sent: list[tuple[str, str]]) -> None:
    with unit_of_work() as session:
        store.take_lease(session, a_round.id, "a worker", 60)
    beat.watch()
    assert sent == []
    change(a_round.id, lease_until=utc_now())
    beat.watch()
    assert sent == [(jobs.ROUND_TRAIN, a_round.id)]


def test_a_round_that_waits_for_a_person_is_left_alone_until_that_person_has_acted(a_round: Round, sent: list[tuple[str, str]]) -> None:
    change(a_round.id, status=RoundStatus.AWAITING_SIGNOFF)
    beat.watch()
    assert sent == []
    change(a_round.id, signed_off_by="a clinician")
    beat.watch()
    assert sent == [(jobs.ROUND_STEP, a_round.id)]


def test_a_cancelled_round_that_waits_for_a_person_is_sent(a_round: Round, sent: list[tuple[str, str]]) -> None:
    change(a_round.id, status=RoundStatus.AWAITING_SIGNOFF, cancel_requested=True)
    beat.watch()
    assert sent == [(jobs.ROUND_STEP, a_round.id)]


def test_a_round_that_kills_every_worker_is_given_up(a_round: Round, sent: list[tuple[str, str]]) -> None:
    change(a_round.id, status=RoundStatus.TRAINING, attempts=beat.MAX_ATTEMPTS)
    before = fetch(a_round.id).fence
    beat.watch()
    row = fetch(a_round.id)
    assert row.status == RoundStatus.FAILED
    assert "5 workers took up the stage 'training'" in (row.error or "")
    assert row.fence > before, "a frozen worker that wakes is no longer the holder"
    assert sent == []


def test_a_round_that_is_taken_up_at_the_last_moment_is_not_given_up(a_round: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    change(a_round.id, status=RoundStatus.TRAINING, attempts=beat.MAX_ATTEMPTS)
    look = store.rounds_without_worker

    def look_and_be_late(session: Session) -> Sequence[Round]:
        rows = look(session)
        assert store.take_lease(session, a_round.id, "a worker", 60)
        return rows

    monkeypatch.setattr(store, "rounds_without_worker", look_and_be_late)
    beat.watch()
    assert fetch(a_round.id).status == RoundStatus.TRAINING


def wait_with(feedback: int, monkeypatch: pytest.MonkeyPatch, threshold: int = 3) -> None:
    monkeypatch.setenv("ROUND_FEEDBACK_THRESHOLD", str(threshold))
    settings.cache_clear()
    monkeypatch.setattr(store, "count_waiting_feedback", lambda _: feedback)


def rounds() -> int:
    with reading() as session:
        return len(store.list_rounds(session))


@pytest.mark.parametrize(("feedback", "threshold", "started"), [(2, 3, 0), (3, 3, 1), (100, 0, 0)])
def test_a_round_starts_when_enough_feedback_waits(
    house: object, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, feedback: int, threshold: int, started: int
) -> None:
    wait_with(feedback, monkeypatch, threshold)
    beat.watch()
    beat.watch()
    assert rounds() == started, "one at a time, and only when it is due"


@pytest.mark.parametrize("status", [status for status in RoundStatus if status.is_final])
def test_only_after_a_promotion_a_round_starts_by_itself(a_round: Round, monkeypatch: pytest.MonkeyPatch, status: RoundStatus) -> None:
    """Every other end gave its feedback back: with it the same round would begin again at every look."""
    wait_with(100, monkeypatch)
    change(a_round.id, status=status, finished_at=utc_now())
    beat.watch()
    assert rounds() == (2 if status is RoundStatus.PROMOTED else 1)


def test_a_recipe_that_cannot_be_read_starts_nothing(house: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUND_RECIPE", "no-such-recipe")
    wait_with(100, monkeypatch)
    beat.watch()
    assert rounds() == 0
