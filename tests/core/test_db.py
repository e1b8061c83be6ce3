"""One transaction is committed once at the edge; jobs leave after it; writers queue up and readers never wait."""

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import db, jobs, store
from core.db import migrate, reading, send_after_commit, unit_of_work
from core.errors import BadInput, Unavailable
from core.settings import ROOT, Settings, settings
from core.states import Role
from core.tables import ApiKey, Table, User

WRITER = """
import sys
from core import store
from core.db import migrate, unit_of_work
from core.states import Role
migrate()
for n in range(15):
    with unit_of_work() as session:
        known = len(store.list_users(session))
        store.add_user(session, f"{sys.argv[1]}-{n}", Role.CLINICIAN, str(known))
"""


def user_count() -> int:
    with reading() as session:
        return len(store.list_users(session))


def test_jobs_leave_after_the_commit(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, int]] = []
    monkeypatch.setattr(jobs, "send", lambda name, argument: sent.append((name, argument, user_count())))
    with unit_of_work() as session:
        store.add_user(session, "ann", Role.CLINICIAN, "x")
        send_after_commit(session, jobs.ROUND_TRAIN, "round-1")
        assert sent == []
    assert sent == [(jobs.ROUND_TRAIN, "round-1", 1)]


def test_nothing_is_written_or_sent_when_the_body_fails(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(jobs, "send", lambda name, argument: sent.append(name))

    def fail() -> None:
        with unit_of_work() as session:
            store.add_user(session, "ann", Role.CLINICIAN, "x")
            send_after_commit(session, jobs.ROUND_TRAIN, "round-1")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert (user_count(), sent) == (0, [])


def test_what_was_written_stays_though_the_broker_is_away(database: None) -> None:
    with unit_of_work() as session:
        store.add_user(session, "ann", Role.CLINICIAN, "x")
        send_after_commit(session, jobs.ROUND_TRAIN, "round-1")
    assert user_count() == 1


def test_a_reader_does_not_wait_and_sees_nothing_unfinished(database: None) -> None:
    with unit_of_work() as session:
        store.add_user(session, "ann", Role.CLINICIAN, "x")
        began = time.monotonic()
        assert user_count() == 0
        assert time.monotonic() - began < 5


def test_reading_is_of_one_moment_and_writes_nothing(database: None) -> None:
    with reading() as early:
        before = len(store.list_users(early))
        with unit_of_work() as session:
            store.add_user(session, "ann", Role.CLINICIAN, "x")
        early.expire_all()
        assert len(store.list_users(early)) == before == 0
    with reading() as session:
        store.add_user(session, "bob", Role.CLINICIAN, "x")
    assert user_count() == 1


def test_what_was_read_stays_readable(database: None) -> None:
    with unit_of_work() as session:
        written = store.add_user(session, "ann", Role.CLINICIAN, "x")
    with reading() as session:
        read = store.get_user(session, "ann")
    assert (written.name, read.name) == ("ann", "ann")


def test_threads_that_read_and_then_write_lose_no_update(database: None) -> None:
    barrier = threading.Barrier(6)

    def write(writer: int) -> None:
        barrier.wait()
        for n in range(10):
            with unit_of_work() as session:
                known = len(store.list_users(session))
                store.add_user(session, f"{writer}-{n}", Role.CLINICIAN, str(known))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    with reading() as session:
        assert sorted(int(u.password_hash) for u in store.list_users(session)) == list(range(60))


def test_processes_that_start_on_no_database_at_once_all_succeed(test_settings: Settings) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(n)], cwd=ROOT, stderr=subprocess.PIPE, text=True) for n in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert [p.returncode for p in running] == [0, 0], errors
    with reading() as session:
        assert sorted(int(u.password_hash) for u in store.list_users(session)) == list(range(30))


def test_a_lock_that_is_never_released_is_unavailable(test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "_BUSY_TIMEOUT_MS", 50)
    Table.metadata.create_all(db.engine_for(test_settings.resolved_database_url))

    def write_meanwhile() -> None:
        with unit_of_work() as session:
            store.list_users(session)

    with unit_of_work() as holder:
        store.list_users(holder)
        with pytest.raises(Unavailable, match="locked"):
            write_meanwhile()


def test_a_database_that_cannot_be_opened_is_unavailable_at_once(tmp_path: Path, test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "balancedbio.db").mkdir()
    began = time.monotonic()
    with pytest.raises(Unavailable), reading() as session:
        store.list_users(session)
    assert time.monotonic() - began < 5


def test_a_database_without_our_tables_says_how_to_get_them(test_settings: Settings) -> None:
    for transaction in (reading, unit_of_work):
        with pytest.raises(Unavailable, match="balancedbio up"), transaction() as session:
            store.list_users(session)


def test_the_file_can_be_read_by_its_owner_alone(tmp_path: Path, test_settings: Settings) -> None:
    before = os.umask(0o022)
    try:
        (tmp_path / "var").mkdir()
        db.migrate()
        with unit_of_work() as session:
            store.list_users(session)
            assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").glob("balancedbio.db*")} == {0o600}
    finally:
        os.umask(before)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path, test_settings: Settings) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(BadInput, match="DATA_DIR"), reading() as session:
        store.list_users(session)


def test_every_thread_of_the_app_can_read_at_once(database: None) -> None:
    with ExitStack() as held:
        for _ in range(40 + 2):  # those that anyio runs requests on, and those for sign-ins
            store.list_users(held.enter_context(reading()))


@pytest.mark.parametrize("transaction", [reading, unit_of_work])
def test_who_finds_every_connection_in_use_is_told_to_come_again(
    database: None, monkeypatch: pytest.MonkeyPatch, transaction: Callable[[], AbstractContextManager[Session]]
) -> None:
    db.engine_for.cache_clear()
    for name, value in (("_KEPT_CONNECTIONS", 1), ("_MORE_CONNECTIONS", 0), ("_POOL_TIMEOUT_SECONDS", 0.05)):
        monkeypatch.setattr(db, name, value)
    with reading() as session:
        store.list_users(session)
        with pytest.raises(Unavailable, match="busy"), transaction() as another:
            store.list_users(another)
    db.engine_for.cache_clear()


def test_a_postgresql_that_takes_a_connection_and_says_nothing_is_unavailable(test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(db._POSTGRES, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DATABASE_URL", f"postgresql+psycopg://bb@127.0.0.1:{silent.getsockname()[1]}/bb")
        settings.cache_clear()
        began = time.monotonic()
        with pytest.raises(Unavailable), reading() as session:
            store.list_users(session)
        assert time.monotonic() - began < 10


def test_an_error_of_the_database_does_not_repeat_what_somebody_wrote(database: None) -> None:
    with unit_of_work() as session:
        store.add_user(session, "ann", Role.CLINICIAN, "x")
    with pytest.raises(IntegrityError) as raised, unit_of_work() as session:
        session.add(User(name="ann", role=Role.CLINICIAN, password_hash="what-ann-typed"))
    assert "what-ann-typed" not in str(raised.value)


def test_foreign_keys_hold_and_the_journal_is_a_wal(database: None) -> None:
    with reading() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"


def test_migrations_give_the_tables_as_they_are_declared(test_settings: Settings) -> None:
    migrate()
    migrate()
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with db.engine_for(test_settings.resolved_database_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_times_come_back_as_the_same_moment_in_utc(database: None) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    with unit_of_work() as session:
        store.add_api_key(session, store.add_user(session, "ann", Role.CLINICIAN, "x"), "key", [], expires_at=moment)
    with reading() as session:
        found = session.scalars(select(ApiKey.expires_at)).one()
    assert found == moment
    assert found is not None
    assert found.tzinfo is UTC
