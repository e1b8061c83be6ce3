"""Bodies that come in pieces: a client that goes away in the middle, and one that sends more than it may, to the API and to the pages."""

import json

import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message

from app.gateway.sessions import COOKIE, new_session
from app.server import create_app
from core import store
from core.db import reading
from core.llm import ScriptedChat
from core.settings import settings
from tests.app.gateway.ward import furnish


async def sent(app: ASGIApp, path: str, headers: dict[str, str], *incoming: Message) -> list[Message]:
    """What a POST is answered, of which the server receives `incoming`."""
    answers, waiting = [], list(incoming)

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        answers.append(message)

    named = [(name.encode(), value.encode()) for name, value in {"host": "test", **headers}.items()]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": named}
    await app(scope, receive, send)
    return answers


def piece(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": True}


def counted(route: str, status: int) -> float:
    return REGISTRY.get_sample_value("balancedbio_requests_total", {"method": "POST", "route": route, "status": str(status)}) or 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/login"])
async def test_a_client_that_goes_away_in_the_middle_of_its_body_is_no_defect_of_ours(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    settings.cache_clear()
    _, keys = furnish()
    app = create_app(ScriptedChat(lambda _: "Yes."), pages=False)
    gone, broken = counted(path, 499), counted(path, 500)
    assert await sent(app, path, {"authorization": f"Bearer {keys['ana']}"}, piece(b'{"model": '), {"type": "http.disconnect"}) == []
    assert (counted(path, 499) - gone, counted(path, 500) - broken) == (1, 0)
    written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["status"] for event in written if event["event"] == "request"] == [499]
    assert not [event for event in written if event["level"] == "error"]


LIMIT = 10_000


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The app with something at /chat that reads whatever it is sent, as Gradio does."""
    monkeypatch.setenv("MAX_REQUEST_BYTES", str(LIMIT))
    settings.cache_clear()
    app = create_app(ScriptedChat(lambda _: "Yes."), pages=False)

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    app.add_route("/chat/upload", read, methods=["POST"])
    app.router.routes.insert(0, app.router.routes.pop())
    return app


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (50 * LIMIT, 413)])
async def test_the_pages_take_no_larger_bodies_than_the_api(paged: FastAPI, size: int, status: int, is_announced: bool) -> None:
    furnish()
    with reading() as session:
        cookie = f"{COOKIE}={new_session(store.get_user(session, 'ana'))}"
    pieces = [piece(b"x" * min(1_000, size - start)) for start in range(0, size, 1_000)]
    headers = {"cookie": cookie, "sec-fetch-site": "same-origin"} | ({"content-length": str(size)} if is_announced else {})
    start, *rest = await sent(paged, "/chat/upload", headers, *pieces[:-1], {**pieces[-1], "more_body": False})
    assert start["status"] == status
    said = b"".join(message["body"] for message in rest).decode()
    assert said == str(size) if status == 200 else f"larger than {LIMIT} bytes" in said
