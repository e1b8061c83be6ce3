"""Rounds: their stages, the lease of whoever works on one, and the numbers of their training."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from core.db import lock_table
from core.errors import Conflict, LostLease, NotFound
from core.states import RoundStatus
from core.store.checkpoints import production
from core.tables import Round, RoundMetric, utc_now
from core.types import Progress


def add_round(session: Session, recipe: dict[str, Any], policy: dict[str, Any], requested_by: str) -> Round:
    """Freezes recipe and policy. One round at a time: two would compare themselves with the same parent."""
    lock_table(session, Round)
    if running := session.scalars(select(Round).where(Round.finished_at.is_(None))).first():
        raise Conflict(f"Round {running.id} is still {running.status}; wait for it or cancel it")
    row = Round(recipe=recipe, policy=policy, parent_id=production(session).id, requested_by=requested_by)
    session.add(row)
    session.flush()
    return row


def get_round(session: Session, round_id: str) -> Round:
    row = session.get(Round, round_id)
    if row is None:
        raise NotFound(f"There is no round {round_id!r}")
    return row


def locked_round(session: Session, round_id: str) -> Round:
    """The round as it is now, and stays for others until this transaction ends. Raises NotFound."""
    row = _locked(session, round_id)
    if row is None:
        raise NotFound(f"There is no round {round_id!r}")
    return row


def list_rounds(session: Session, limit: int = 50) -> Sequence[Round]:
    return session.scalars(select(Round).order_by(Round.created_at.desc()).limit(limit)).all()


def count_rounds(session: Session) -> dict[str, int]:
    """How many rounds are in each status; statuses without one are left out."""
    return {str(status): count for status, count in session.execute(select(Round.status, func.count()).group_by(Round.status))}


def rounds_before(session: Session, row: Round) -> int:
    """How many rounds were opened before this one."""
    return session.scalar(select(func.count()).select_from(Round).where(Round.created_at < row.created_at)) or 0


def rounds_decided_by(session: Session, suite_hash: str, but: str) -> int:
    """How many other rounds this version (or part) of an exam has decided."""
    decided = select(func.count()).select_from(Round).where(Round.decision["suite_hash"].as_string() == suite_hash, Round.id != but)
    return session.scalar(decided) or 0


def latest_round(session: Session) -> Round | None:
    return next(iter(list_rounds(session, limit=1)), None)


def take_lease(session: Session, round_id: str, owner: str, seconds: int) -> int | None:
    """Takes the round over when nobody holds it or the holder has gone silent. Returns the fencing number, or None."""
    now = utc_now()
    taken = session.execute(
        update(Round)
        .where(Round.id == round_id, Round.finished_at.is_(None), or_(Round.lease_until.is_(None), Round.lease_until < now))
        .values(lease_owner=owner, lease_until=now + timedelta(seconds=seconds), fence=Round.fence + 1, attempts=Round.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]  # a CursorResult
        return None
    return session.scalar(select(Round.fence).where(Round.id == round_id))


def renew_lease(session: Session, round_id: str, fence: int, seconds: int) -> None:
    """Raises LostLease when another worker has taken over."""
    fenced_round(session, round_id, fence).lease_until = utc_now() + timedelta(seconds=seconds)


def release_lease(session: Session, round_id: str, fence: int) -> None:
    row = fenced_round(session, round_id, fence)
    row.lease_owner, row.lease_until = None, None


def fenced_round(session: Session, round_id: str, fence: int) -> Round:
    """The round, if `fence` is still its newest number; every write of a worker goes through here."""
    row = _locked(session, round_id)
    if row is None or row.fence != fence:
        raise LostLease(f"Round {round_id} was taken over")
    return row


def _locked(session: Session, round_id: str) -> Round | None:
    return session.scalars(select(Round).where(Round.id == round_id).with_for_update().execution_options(populate_existing=True)).first()


def set_round_status(session: Session, row: Round, status: RoundStatus, **changes: Any) -> None:
    """Moves to the next stage and starts its attempts afresh."""
    row.status, row.attempts = status, 0
    for name, value in changes.items():
        setattr(row, name, value)
    if status.is_final:
        row.finished_at, row.lease_owner, row.lease_until = utc_now(), None, None


def rounds_without_worker(session: Session) -> Sequence[Round]:
    """Unfinished rounds that nobody works on and that wait for a machine, not for a person.

    A round that awaits its sign-off is among them once a person has signed it, or has cancelled it.
    """
    return session.scalars(
        select(Round).where(
            Round.finished_at.is_(None),
            or_(Round.status != RoundStatus.AWAITING_SIGNOFF, Round.signed_off_by.is_not(None), Round.cancel_requested),
            or_(Round.lease_until.is_(None), Round.lease_until < utc_now()),
        )
    ).all()


def set_progress(session: Session, round_id: str, progress: Progress) -> None:
    session.execute(update(Round).where(Round.id == round_id).values(progress=progress.model_dump(mode="json")))


def add_metric(session: Session, round_id: str, step: int, values: dict[str, Any]) -> None:
    """One training step's numbers; a step that is run again after a resume replaces its row."""
    row = session.scalars(select(RoundMetric).where(RoundMetric.round_id == round_id, RoundMetric.step == step)).first()
    if row is None:
        session.add(RoundMetric(round_id=round_id, step=step, values=values))
    else:
        row.values, row.at = values, utc_now()


def list_metrics(session: Session, round_id: str) -> Sequence[RoundMetric]:
    return session.scalars(select(RoundMetric).where(RoundMetric.round_id == round_id).order_by(RoundMetric.step)).all()
