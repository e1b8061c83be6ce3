"""`python -m tests.benchmarks.serving.load`: the load generator. Reads a `Load` as JSON, asks for so many replies at once, writes `Sample`s.

While it measures it only notes when which bytes came; they are read after the last one, so that reading them delays nothing. The streams
start at random moments within the length of one reply, the same ones for every target: real users do not start together, and replies
of a fixed pace that did would stay together.
"""

import asyncio
import json
import random
import sys
import time
from typing import Any

import aiohttp
import uvloop

from core.types import Value
from tests.benchmarks.serving.replies import EXCHANGES, Exchange, due, first_sentence_is_whole


class Load(Value):
    url: str
    """Of the API, up to `/v1`."""
    key: str
    model: str
    streams: int
    replies_per_stream: int
    spread_seconds: float
    """Within which the streams start."""
    seed: int


class Sample(Value):
    """One reply: milliseconds behind the model, which says when each token is due. Of one that failed only the status counts."""

    status: int
    first_byte: float = 0.0
    """Of the body, behind the first token."""
    first_text: float = 0.0
    """The first event with text, behind the first token: the gateway waits for a sentence here, and means to."""
    first_sentence: float = 0.0
    """The first sentence, behind the token with which it is known to have ended."""
    total: float = 0.0
    """[DONE], behind the last token."""


class Result(Value):
    samples: tuple[Sample, ...]
    cpu_share: float
    """Of one core, of this process, while it measured: near 1 it would be the bottleneck."""


class _Reply:
    """What came, as it came."""

    def __init__(self, asked: Exchange) -> None:
        self.asked = asked
        self.status, self.started = 0, 0.0
        self.pieces: list[tuple[float, bytes]] = []


async def measure(load: Load) -> Result:
    draw = random.Random(load.seed)
    starts = [draw.uniform(0, load.spread_seconds) for _ in range(load.streams)]
    order = [[draw.choice(EXCHANGES).numbered(draw.randrange(10**6)) for _ in range(load.replies_per_stream)] for _ in range(load.streams)]
    began, cpu = time.monotonic(), time.process_time()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {load.key}"}) as session:
        replies = await asyncio.gather(*(_stream(session, load, start, asked) for start, asked in zip(starts, order, strict=True)))
    share = (time.process_time() - cpu) / (time.monotonic() - began)
    return Result(samples=tuple(_sample(reply) for of_stream in replies for reply in of_stream), cpu_share=share)


async def _stream(session: aiohttp.ClientSession, load: Load, start: float, asked: list[Exchange]) -> list[_Reply]:
    await asyncio.sleep(start)
    return [await _ask(session, load, exchange) for exchange in asked]


async def _ask(session: aiohttp.ClientSession, load: Load, exchange: Exchange) -> _Reply:
    reply = _Reply(exchange)
    messages = [{"role": "user", "content": exchange.question}]
    body = {"model": load.model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    reply.started = time.monotonic()
    async with session.post(f"{load.url}/chat/completions", json=body) as response:
        reply.status = response.status
        async for piece in response.content.iter_any():
            reply.pieces.append((time.monotonic(), piece))
    return reply


def _sample(reply: _Reply) -> Sample:
    """Raises AssertionError when the reply is not the one that the mock gave: a fast wrong answer is not a measurement."""
    if reply.status != 200:
        return Sample(status=reply.status)
    text, held, first_text, first_sentence, total = "", b"", 0.0, 0.0, 0.0
    for moment, piece in reply.pieces:
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            if line == b"data: [DONE]":
                total = moment
            elif line.startswith(b"data: "):
                text += _text(json.loads(line[6:]))
                first_text = first_text or (moment if text else 0.0)
                first_sentence = first_sentence or (moment if first_sentence_is_whole(text) else 0.0)
    assert text == reply.asked.reply, f"another reply came: {text[:200]!r}"
    assert total, "the stream ended without [DONE]"

    def behind(moment: float, token: int) -> float:
        return (moment - reply.started - due(token)) * 1000

    return Sample(
        status=200,
        first_byte=behind(reply.pieces[0][0], 0),
        first_text=behind(first_text, 0),
        first_sentence=behind(first_sentence, reply.asked.first_sentence),
        total=behind(total, len(reply.asked.tokens) - 1),
    )


def _text(event: dict[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))


if __name__ == "__main__":
    uvloop.install()
    print(asyncio.run(measure(Load.model_validate_json(sys.stdin.read()))).model_dump_json())
