"""The same code on a real PostgreSQL server: migrations, transactions, and the races that SQLite cannot have."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from core import audit, db, store
from core.errors import Conflict
from core.settings import settings
from core.types import Role

pytestmark = pytest.mark.flow


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL's server is not installed here (apt-get install postgresql)")
    return found[-1].parent


def _owner() -> str | None:
    """The server refuses to run as root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    programs, owner = _programs(), _owner()
    folder = Path("/tmp") / f"balancedbio-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if owner:
        shutil.chown(folder, owner)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        subprocess.run(
            [programs / "initdb", "-D", folder / "db", "-U", "bb", "-A", "trust", "--no-sync"], user=owner, cwd="/tmp", check=True, capture_output=True
        )
        command = [programs / "postgres", "-D", folder / "db", "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        process = subprocess.Popen(command, user=owner, cwd="/tmp", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"postgresql://bb@127.0.0.1:{port}/postgres"
            _wait_for(url)
            yield url.replace("postgresql://", "postgresql+psycopg://")
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture
def postgres(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", server)
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    db.migrate()
    yield
    db.engine_for(server).dispose()
    settings.cache_clear()


def test_the_schema_migrates_and_a_whole_round_of_rows_can_be_written(postgres: None) -> None:
    db.migrate()  # a second time changes nothing
    with db.unit_of_work() as session:
        user = store.add_user(session, "ana", Role.CLINICIAN, "hash")
        store.ensure_base_checkpoint(session, "starter", "0" * 64)
    with db.reading() as session:
        assert store.get_user(session, "ana").id == user.id
        assert store.production(session).base_model == "starter"


def test_twenty_writers_at_once_leave_an_unbroken_audit_chain(postgres: None) -> None:
    def write(n: int) -> None:
        with db.unit_of_work() as session:
            audit.record(session, "tester", "tried", str(n))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(20)))
    with db.reading() as session:
        assert audit.first_broken(session) is None
        assert {e.subject for e in audit.newest(session, 20)} == {str(n) for n in range(20)}


def test_of_many_rounds_started_at_once_one_begins(postgres: None) -> None:
    with db.unit_of_work() as session:
        store.ensure_base_checkpoint(session, "starter", "0" * 64)

    def start(_: int) -> bool:
        try:
            with db.unit_of_work() as session:
                store.add_round(session, {}, {}, "tester")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1
    with db.reading() as session:
        (row,) = store.list_rounds(session)

    def take(_: int) -> int | None:
        with db.unit_of_work() as session:
            return store.take_lease(session, row.id, "worker", 30)

    with ThreadPoolExecutor(8) as pool:
        assert [f for f in pool.map(take, range(8)) if f is not None] == [1]
