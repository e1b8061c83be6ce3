"""A small hospital for tests: its people, their keys, and a base checkpoint in production."""

import asyncio
import json
from functools import lru_cache
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.gateway.auth import SCOPES
from app.gateway.passwords import hash_password
from core import store
from core.db import engine_for, reading, unit_of_work
from core.settings import settings
from core.states import Role
from core.tables import Table

PASSWORD = "correct horse battery"


class Ward(NamedTuple):
    """The people of a small hospital and the way in."""

    client: TestClient
    keys: dict[str, str]
    checkpoint_id: str

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}

    def ask(self, text: str, name: str = "ana", **body: Any) -> dict[str, Any]:
        answer = self.client.post(
            "/v1/chat/completions", headers=self.bearer(name), json={"model": "balancedbio", "messages": [{"role": "user", "content": text}], **body}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def furnish() -> tuple[str, dict[str, str]]:
    """Tables, a base checkpoint in production, three people who chose their passwords and one who has not; their API keys."""
    Table.metadata.create_all(engine_for(settings().resolved_database_url))
    keys = {}
    with unit_of_work() as session:
        checkpoint_id = store.ensure_base_checkpoint(session, "starter", "0" * 64).id
        for name, role in (("ana", Role.CLINICIAN), ("ben", Role.CLINICIAN), ("rita", Role.REVIEWER), ("ada", Role.ADMIN)):
            user = store.add_user(session, name, role, hash_once(), must_change_password=False)
            keys[name] = store.add_api_key(session, user, "test", sorted(SCOPES[role]))
        store.add_user(session, "nora", Role.CLINICIAN, hash_once(), must_change_password=True)
    return checkpoint_id, keys


@lru_cache(maxsize=1)
def hash_once() -> str:
    """The hash of PASSWORD; made once, because argon2 is slow on purpose."""
    return hash_password(PASSWORD)


def count_rows() -> dict[str, int]:
    """Rows of every table."""
    with reading() as session:
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in Table.metadata.sorted_tables}


class RawVisit:
    """One streamed or whole chat by hand, without a client that reads to the end: the test says when it hangs up."""

    def __init__(self, app: FastAPI, key: str, *, stream: bool) -> None:
        self.sent = b""
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        body = {"model": "balancedbio", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        self._incoming.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
        headers, path = [(b"authorization", f"Bearer {key}".encode()), (b"host", b"test")], "/v1/chat/completions"
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": headers}
        self._running = asyncio.create_task(app(scope, self._incoming.get, self._send))

    async def _send(self, message: Any) -> None:
        self.sent += message.get("body", b"")
        if self.sent.endswith(b"[DONE]\n\n"):
            self.hang_up()
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def ended(self) -> None:
        await asyncio.wait_for(self._running, 5)
