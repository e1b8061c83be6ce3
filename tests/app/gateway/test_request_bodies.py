"""Bodies that come in pieces: a client that goes away in the middle, and one that sends more than it may."""

import json

import pytest
from prometheus_client import REGISTRY
from starlette.types import ASGIApp, Message

from app.server import create_app
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
