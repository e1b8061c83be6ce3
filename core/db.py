"""Sessions. One request or one job is one transaction, committed once at the edge; messages leave only after the commit.

SQLite runs in WAL mode: readers never wait. A writer takes the lock when its transaction begins (`BEGIN IMMEDIATE`), because a
reader that turns into a writer half way cannot wait for the lock: SQLite refuses it at once.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from core import jobs
from core.errors import BadInput, Unavailable
from core.settings import ROOT, settings
from core.tables import Table

_BUSY_TIMEOUT_MS = 15_000
_KEPT_CONNECTIONS, _MORE_CONNECTIONS = 16, 32
"""One for each thread that may ask at once: the app has 40 for requests and some for sign-ins. So many are open only while they are needed."""
_POOL_TIMEOUT_SECONDS = 5
_POSTGRES = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2, "tcp_user_timeout": 10_000}
"""Seconds, the last in milliseconds. Without them a host that swallows packets is waited for as long as TCP tries: minutes."""


@lru_cache(maxsize=4)
def engine_for(url: str) -> Engine:
    # Errors go to the log, and parameters are what people wrote.
    common = {"hide_parameters": True, "pool_size": _KEPT_CONNECTIONS, "max_overflow": _MORE_CONNECTIONS, "pool_timeout": _POOL_TIMEOUT_SECONDS}
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, connect_args=_POSTGRES, **common)
    _make_file(Path(make_url(url).database or ""))
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}, **common)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _make_file(path: Path) -> None:
    """Where there is none: readable by its owner alone, whatever command comes first. What SQLite puts beside it takes after it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as error:
        raise BadInput(f"The database {path} cannot be made: {error.strerror}; choose another folder with DATA_DIR, or check DATABASE_URL") from error


def _use_wal(connection: Any) -> None:
    """WAL is a property of the file. The switch does not wait for a lock as a transaction does, so two first connections may collide."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """A writing transaction. Commits at the end, then sends the jobs that were queued with `send_after_commit`.

    Raises Unavailable when the database does not answer or stays locked; then nothing was written.
    """
    engine = engine_for(settings().resolved_database_url).execution_options(begin="BEGIN IMMEDIATE")
    with _away_is_unavailable(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
    for name, argument in session.info.pop("jobs", ()):
        jobs.send(name, argument)


@contextmanager
def reading() -> Iterator[Session]:
    """A read-only look at a consistent snapshot. Raises Unavailable when the database does not answer."""
    engine = engine_for(settings().resolved_database_url)
    if engine.dialect.name != "sqlite":  # whose transactions are snapshots anyway
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _away_is_unavailable(), Session(engine, expire_on_commit=False) as session:
        yield session
        session.expunge_all()  # what was read stays readable: a rollback would expire it
        session.rollback()


@contextmanager
def _away_is_unavailable() -> Iterator[None]:
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        if _is_of_another_schema(error):
            raise Unavailable(f"The database is empty or of another version; `balancedbio up` brings it up to date ({_said(error)})") from error
        if isinstance(error, ProgrammingError):
            raise
        raise Unavailable(f"The database did not answer; try again shortly ({_said(error)})") from error
    except PoolTimeout as error:  # every connection is in use, and stayed so
        raise Unavailable("The database is busy; try again shortly") from error


def _said(error: DBAPIError) -> str:
    """In one line: PostgreSQL's client adds advice in a second."""
    return " ".join(str(error.orig).split())


def _is_of_another_schema(error: DBAPIError) -> bool:
    """A table or column is missing: SQLite says so in words, PostgreSQL with a code."""
    words = ("no such table", "no such column", "has no column named")
    return getattr(error.orig, "sqlstate", None) in ("42P01", "42703") or any(said in str(error.orig) for said in words)


def lock_table(session: Session, table: type[Table]) -> None:
    """Lets no other transaction write `table` until this one ends. On SQLite a writing transaction is alone from its beginning."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text(f"LOCK TABLE {table.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))


def send_after_commit(session: Session, name: str, argument: str) -> None:
    """Queues a job that leaves once the transaction is durable. Should Redis be away, beat sends it again."""
    session.info.setdefault("jobs", []).append((name, argument))


def migrate() -> None:
    """Brings the schema to the newest version."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "core" / "migrations"))
    # Two processes may start at once: the second waits for the lock, and then finds nothing to do.
    with engine_for(settings().resolved_database_url).execution_options(begin="BEGIN IMMEDIATE").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
