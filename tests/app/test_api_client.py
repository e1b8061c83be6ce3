"""Our client of the gateway: streams become events, refusals become errors, and nothing else is let through."""

import json

import httpx
import pytest

from app.api_client import Api, ReplyEnd, ReplyStart, ReplyText, own_address
from core.errors import AppError, BadInput, Conflict, NotSignedIn, TooLarge, Unavailable
from core.settings import Settings, settings
from core.types import Message

ASKED = [Message(role="user", content="q")]
NAMES = {"X-Turn-Id": "turn-1", "X-Conversation-Id": "conv-1", "X-Checkpoint-Id": "cp-1"}
EXTENSION = {"turn_id": "turn-1", "conversation_id": "conv-1", "checkpoint_id": "cp-1", "claims": [], "findings": [], "withheld": False}


def stream(*events: object) -> httpx.MockTransport:
    body = "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in events)
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=NAMES, text=body))


def delta(text: str | None = None, finish_reason: str | None = None, **added: object) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text} if text else {}, "finish_reason": finish_reason}], **added}


def refusal(status: int, message: str) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, json={"error": {"message": message}}))


@pytest.fixture(autouse=True)
def _own(test_settings: Settings) -> None:
    """The client reads the settings."""


async def test_a_stream_becomes_events_in_order() -> None:
    api = Api("token", stream(delta(), delta("Hello"), delta(finish_reason="length", balancedbio=EXTENSION), "[DONE]"))
    start, text, end = [event async for event in api.chat(ASKED, None, 0.0)]
    assert isinstance(start, ReplyStart)
    assert start.turn_id == "turn-1"
    assert text == ReplyText(text="Hello")
    assert isinstance(end, ReplyEnd)
    assert end.finish_reason == "length"


async def test_an_error_in_the_middle_of_a_stream_is_raised_after_the_text() -> None:
    events = Api("token", stream(delta("Half"), {"error": {"message": "the model went away"}})).chat(ASKED, None, 0.0)
    assert isinstance(await anext(events), ReplyStart)
    assert await anext(events) == ReplyText(text="Half")
    with pytest.raises(Unavailable, match="the model went away"):
        await anext(events)


async def test_a_stream_without_an_end_is_an_error() -> None:
    with pytest.raises(Unavailable, match="ended early"):
        [event async for event in Api("token", stream(delta("Half"))).chat(ASKED, None, 0.0)]


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadInput), (401, NotSignedIn), (409, Conflict), (413, TooLarge), (418, BadInput), (500, Unavailable), (503, Unavailable)]
)
async def test_a_refusal_becomes_the_error_that_it_is(status: int, kind: type[AppError]) -> None:
    with pytest.raises(kind, match="in one sentence") as raised:
        [event async for event in Api("token", refusal(status, "in one sentence")).chat(ASKED, None, 0.0)]
    assert type(raised.value) is kind
    with pytest.raises(kind):
        await Api("token", refusal(status, "in one sentence")).rounds()


async def test_a_refusal_that_is_not_ours_names_its_status() -> None:
    api = Api("token", httpx.MockTransport(lambda _: httpx.Response(502, text="<html>")))
    with pytest.raises(Unavailable, match="502"):
        await api.me()


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable, match="does not answer"):
        await Api("token", httpx.MockTransport(refuse)).rounds()


async def test_the_token_travels_and_nothing_is_sent_without_one() -> None:
    seen: list[str | None] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"object": "list", "data": []})

    await Api("abc", httpx.MockTransport(note)).rounds()
    await Api("", httpx.MockTransport(note)).rounds()
    assert seen == ["Bearer abc", None]


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "http://127.0.0.1:8600"), ("0.0.0.0", "http://127.0.0.1:8600"), ("::", "http://[::1]:8600")])
def test_the_own_address_is_reachable_from_here(host: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PUBLIC_URL", "https://example.org")
    settings.cache_clear()
    assert own_address() == address
