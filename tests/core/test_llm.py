"""The client against a real server on a real socket: what each failure is called, and that no half reply passes for a whole one."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.errors import AppError, BadInput, NotFound, Unavailable
from core.llm import Chunk, OpenAIChat, ScriptedChat, complete
from core.types import Message

ASKED = [Message(role="user", content="First-line drug for gout?")]
STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(**fields: Any) -> str:
    return f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'created': 0, 'model': 'm', 'choices': [], **fields})}\n\n"


def delta(text: str = "", finish_reason: str | None = None) -> str:
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}])


def refusal(status: str, message: str) -> list[str]:
    body = json.dumps({"error": {"message": message, "type": "t", "param": None, "code": None}})
    return [f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"]


def streamed(*events: str, end: bool = True) -> list[str]:
    return [STREAM, *(f"{len(e.encode()):x}\r\n{e}\r\n" for e in events), *(["0\r\n\r\n"] if end else [])]


USAGE = event(usage={"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9})
DONE = "data: [DONE]\n\n"


@asynccontextmanager
async def endpoint(answer: Sequence[str], asked: list[dict[str, Any]] | None = None) -> AsyncIterator[OpenAIChat]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
        body = await reader.readexactly(length)
        if asked is not None:
            asked.append(json.loads(body))
        writer.write("".join(answer).encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    chat = OpenAIChat(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", timeout_seconds=5)
    try:
        yield chat
    finally:
        await chat.close()
        server.close()
        await server.wait_closed()


async def ask(chat: OpenAIChat) -> tuple[str, Chunk]:
    return await complete(chat, "m", ASKED, {"temperature": 0.0, "max_tokens": 5, "top_k": 3})


async def test_a_reply_is_streamed_with_its_reason_and_counts() -> None:
    asked: list[dict[str, Any]] = []
    async with endpoint(streamed(delta("Nap"), delta("roxen"), delta(finish_reason="length"), USAGE, DONE), asked) as chat:
        text, last = await ask(chat)
    assert (text, last) == ("Naproxen", Chunk(finish_reason="length", prompt_tokens=7, completion_tokens=2))
    assert asked[0]["messages"] == [{"role": "user", "content": "First-line drug for gout?"}]
    assert (asked[0]["stream"], asked[0]["top_k"], asked[0]["temperature"]) == (True, 3, 0.0)


async def test_a_proxy_of_the_environment_does_not_come_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with endpoint(streamed(delta("Naproxen"), delta(finish_reason="stop"), USAGE, DONE)) as chat:
        assert (await ask(chat))[0] == "Naproxen"


async def test_an_endpoint_that_counts_nothing_still_gives_the_reason() -> None:
    async with endpoint(streamed(delta("yes"), delta(finish_reason="stop"), DONE)) as chat:
        assert await ask(chat) == ("yes", Chunk(finish_reason="stop"))


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (refusal("404 Not Found", "no such model"), NotFound, "'m'"),
        (refusal("400 Bad Request", "too long"), BadInput, "too long"),
        (refusal("422 Unprocessable Entity", "bad field"), BadInput, "bad field"),
        (refusal("500 Internal Server Error", "boom"), Unavailable, "try again"),
        (refusal("503 Service Unavailable", "starting"), Unavailable, "try again"),
        (refusal("429 Too Many Requests", "slow down"), Unavailable, "try again"),
        ([], Unavailable, "try again"),
        (["HTTP/1.1 200 OK\r\n\r\nnot a stream"], Unavailable, "try again"),
        (streamed(delta("Nap"), end=False), Unavailable, "try again"),
        (streamed(delta("Nap")), Unavailable, "without a reason"),
        (streamed(delta("Nap"), DONE), Unavailable, "without a reason"),
        (streamed(delta("Nap"), "data: {not json\n\n", DONE), Unavailable, "try again"),
        (streamed(delta("Nap"), 'data: {"error": {"message": "engine died"}}\n\n'), Unavailable, "try again"),
    ],
    ids=["404", "400", "422", "500", "503", "429", "closed", "no stream", "died", "cut short", "no reason", "garbled", "error in stream"],
)
async def test_each_failure_has_its_name(answer: list[str], error: type[AppError], message: str) -> None:
    async with endpoint(answer) as chat:
        with pytest.raises(error, match=message):
            await ask(chat)


async def test_an_endpoint_where_nobody_listens_is_unavailable() -> None:
    chat = OpenAIChat("http://127.0.0.1:1/v1", timeout_seconds=2)
    with pytest.raises(Unavailable):
        await ask(chat)
    await chat.close()


async def test_what_arrived_before_the_end_was_passed_on() -> None:
    async with endpoint(streamed(delta("Nap"), end=False)) as chat:
        stream = chat.stream("m", ASKED, {})
        received = [(await anext(stream)).text]
        with pytest.raises(Unavailable):
            await anext(stream)
    assert received == ["Nap"]


async def test_the_scripted_model_answers_from_the_messages() -> None:
    text, last = await complete(ScriptedChat(lambda messages: f"{messages[-1].content} Naproxen  twice."), "any", ASKED, {})
    assert text == "First-line drug for gout? Naproxen  twice."
    assert last.finish_reason == "stop"
