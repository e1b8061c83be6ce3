"""Real SQLite that cannot write: what is not stored is not acknowledged, and what waits for a lock is stored when the lock is gone."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Connection, event

from core.db import engine_for
from core.settings import settings
from tests.app.gateway.ward import Ward

QUESTION = {"model": "balancedbio", "messages": [{"role": "user", "content": "What is the first-line treatment of gout?"}]}
_LONG = "Drink a glass of water now. " * 400
"""Does not fit the pages that the database has."""


@contextmanager
def full_disk() -> Iterator[None]:
    """The database may not grow; SQLite says of it what it says of a full disk."""
    engine = engine_for(settings().resolved_database_url)

    def stop_growing(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    event.listen(engine, "begin", stop_growing)
    try:
        yield
    finally:
        event.remove(engine, "begin", stop_growing)
        engine.dispose()


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_that_the_disk_has_no_room_for_is_never_acknowledged(ward: Ward, script: list[str], rows: Callable[[], dict[str, int]], stream: bool) -> None:
    script[:] = [_LONG]
    with full_disk():
        answer = ward.client.post("/v1/chat/completions", headers=ward.bearer("ana"), json={**QUESTION, "stream": stream})
    if stream:
        assert '"code": "service_unavailable"' in answer.text.splitlines()[-2]
        assert "[DONE]" not in answer.text
        assert '"finish_reason": "stop"' not in answer.text
    else:
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    assert rows()["turns"] == 0
    assert ward.ask("Gout?")["balancedbio"]["turn_id"], "room again, and it goes on by itself"


def test_a_turn_waits_for_a_locked_database_and_is_stored(ward: Ward, rows: Callable[[], dict[str, int]]) -> None:
    with closing(sqlite3.connect(settings().data_dir / "balancedbio.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(0.5, other.execute, ("ROLLBACK",))
        release.start()
        ward.ask("Gout?")
        release.join()
    assert rows()["turns"] == 1
