"""The audit trail: append-only rows, each hashed over its content and its predecessor's hash."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db import lock_table
from core.tables import AuditEvent, utc_now
from core.types import content_hash

_GENESIS = "0" * 64


def record(session: Session, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Appends one event in the caller's transaction, so that an action and its record stand or fall together."""
    lock_table(session, AuditEvent)  # two writers must not both continue from the same row
    last = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1)).first()
    event = AuditEvent(
        seq=last.seq + 1 if last else 1,
        at=utc_now().isoformat(),
        actor=actor,
        action=action,
        subject=subject,
        detail=json.loads(json.dumps(detail)),  # hashed as it will be read back: a number as a key comes back as text
        previous_hash=last.hash if last else _GENESIS,
    )
    event.hash = _hash(event)
    session.add(event)
    session.flush()


def newest(session: Session, limit: int) -> Sequence[AuditEvent]:
    """The last `limit` events, newest first."""
    return session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(limit)).all()


def first_broken(session: Session) -> int | None:
    """Sequence number of the first row that was changed, removed or reordered; None when the chain holds.

    Rows cut off the end leave a shorter chain that holds: to notice that, keep the newest hash elsewhere.
    """
    expected_seq, previous = 1, _GENESIS
    for event in session.scalars(select(AuditEvent).order_by(AuditEvent.seq)):
        if event.seq != expected_seq or event.previous_hash != previous or event.hash != _hash(event):
            return expected_seq
        expected_seq, previous = expected_seq + 1, event.hash
    return None


def _hash(event: AuditEvent) -> str:
    return content_hash([event.seq, event.at, event.actor, event.action, event.subject, event.detail, event.previous_hash])
