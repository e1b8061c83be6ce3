"""The trail tells of every row that was changed, removed from within or moved.

Rows cut off the end leave a chain that is whole: only a hash kept elsewhere could tell.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, update
from sqlalchemy.orm import Session

from core.audit import first_broken, newest, record
from core.tables import AuditEvent, Table

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DETAIL = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.lists(TEXT, max_size=3), max_size=3)
EVENTS = st.lists(DETAIL, min_size=2, max_size=8)


@contextmanager
def trail(details: list[dict[str, Any]]) -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Table.metadata.create_all(engine, [Table.metadata.tables["audit_events"]])
    with Session(engine) as session:
        for number, detail in enumerate(details):
            record(session, "ann", "did", f"thing-{number}", detail=detail)
        session.commit()
        yield session
    engine.dispose()


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_an_untouched_trail_holds(details: list[dict[str, Any]]) -> None:
    with trail(details) as session:
        assert first_broken(session) is None
        assert [e.seq for e in newest(session, 2)] == [len(details), len(details) - 1]


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.data())
def test_a_changed_row_is_found(details: list[dict[str, Any]], data: st.DataObject) -> None:
    seq = data.draw(st.integers(1, len(details)))
    column = data.draw(st.sampled_from(["at", "actor", "action", "subject", "detail", "previous_hash", "hash"]))
    with trail(details) as session:
        value: Any = {"forged": True} if column == "detail" else "forged"
        session.execute(update(AuditEvent).where(AuditEvent.seq == seq).values({column: value}))
        session.expire_all()
        assert first_broken(session) == seq


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.data())
def test_a_row_removed_from_within_is_found(details: list[dict[str, Any]], data: st.DataObject) -> None:
    seq = data.draw(st.integers(1, len(details) - 1))
    renumber = data.draw(st.booleans())
    with trail(details) as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq == seq))
        if renumber:
            for later in range(seq + 1, len(details) + 1):
                session.execute(update(AuditEvent).where(AuditEvent.seq == later).values(seq=later - 1))
        session.expire_all()
        assert first_broken(session) == seq


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.data())
def test_two_rows_that_changed_places_are_found(details: list[dict[str, Any]], data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.lists(st.integers(1, len(details)), min_size=2, max_size=2, unique=True)))
    with trail(details) as session:
        for old, new in ((first, 0), (second, first), (0, second)):
            session.execute(update(AuditEvent).where(AuditEvent.seq == old).values(seq=new))
        session.expire_all()
        assert first_broken(session) == first


def test_a_number_as_a_key_is_hashed_as_it_is_read_back() -> None:
    with trail([{"by step": {10: 1, 9: 2}}]) as session:
        session.expire_all()
        assert first_broken(session) is None


def test_a_record_falls_with_its_action() -> None:
    with trail([{}]) as session:
        record(session, "ann", "did", "thing")
        session.rollback()
        assert len(newest(session, 10)) == 1


def test_what_json_cannot_hold_is_refused_before_it_is_written() -> None:
    with trail([{}]) as session, pytest.raises(TypeError):
        record(session, "ann", "did", "thing", when=object())
