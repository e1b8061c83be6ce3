"""Clients that ask and judge without pause, and note what they were told. What they saw acknowledged must be in the database afterwards."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

import aiohttp

QUESTIONS = (
    "What is the first-line treatment of gout?",
    "Which investigation confirms asthma?",
    "What are the symptoms of pneumonia?",
    "Which drug is contraindicated in kidney disease?",
)
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.3


class Seen(NamedTuple):
    """One request as its client saw it end."""

    began: float
    """`time.monotonic`, as `ended`."""
    ended: float
    what: str
    """`turn` or `feedback`."""
    answer: str
    id: str = ""
    """Of the row that was acknowledged."""

    @property
    def is_served(self) -> bool:
        return self.answer in ("200", "201")


class Clients:
    """`count` of them. Each asks, reads the streamed reply to its end, judges the turn, and begins again."""

    def __init__(self, address: str, key: str, count: int = 6) -> None:
        self.seen: list[Seen] = []
        self._url, self._headers, self._count = f"{address}/v1", {"Authorization": f"Bearer {key}"}, count
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Clients":
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS))
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self._count)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def _client(self, number: int) -> None:
        while True:
            turn = await self.note("turn", lambda: self.ask(QUESTIONS[number % len(QUESTIONS)]))
            if turn.is_served:
                await self.note("feedback", lambda turn_id=turn.id: self.judge(turn_id))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def note(self, what: str, request: Callable[[], Awaitable[tuple[str, str]]]) -> Seen:
        began = time.monotonic()
        try:
            answer, row = await request()
        except aiohttp.ClientConnectorError:
            answer, row = "refused", ""
        except (aiohttp.ClientError, OSError):
            answer, row = "cut", ""
        except TimeoutError:
            answer, row = "no answer", ""
        self.seen.append(Seen(began, time.monotonic(), what, answer, row))
        return self.seen[-1]

    async def ask(self, question: str, wait_before_reading: float = 0.0, **options: Any) -> tuple[str, str]:
        """The answer's name, and the id of the turn when its end came. Raises what the connection raises."""
        body = {"model": "balancedbio", "messages": [{"role": "user", "content": question}], "stream": True, "max_tokens": 64, **options}
        async with self._session.post(f"{self._url}/chat/completions", json=body) as response:
            if response.status != 200:
                return _status(response), ""
            await asyncio.sleep(wait_before_reading)
            async for line in response.content:
                if line.startswith(b'data: {"error"'):
                    return "error event", ""
                if line.startswith(b"data: [DONE]"):
                    return "200", response.headers["X-Turn-Id"]
        return "cut", ""

    async def judge(self, turn_id: str) -> tuple[str, str]:
        async with self._session.post(f"{self._url}/feedback", json={"turn_id": turn_id, "rating": 1, "simulated": True}) as response:
            body = await response.read()
            return _status(response), json.loads(body)["id"] if response.status == 201 else ""

    async def hang_up(self, question: str, after: Callable[[], Awaitable[None]], **options: Any) -> None:
        """Asks, waits for `after`, and goes away."""
        asking = asyncio.create_task(self.ask(question, **options))
        await after()
        asking.cancel()
        with suppress(asyncio.CancelledError, aiohttp.ClientError):
            await asking


def _status(response: aiohttp.ClientResponse) -> str:
    if response.status == 503:
        return "503 with Retry-After" if "Retry-After" in response.headers else "503 without Retry-After"
    return str(response.status)
