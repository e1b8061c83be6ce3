"""Several vLLMs behind one `ChatModel`: the one with least to do answers; what fails before any text has come is asked of another.

What a replica holds is known from its own answers alone. One that fails is left out at once, for every model; one that does not know a model,
for that model. While requests pass by, each is asked once a second what it serves: one that hangs is found out, and one that was left out is back
when it answers and serves what is asked for.
"""

import asyncio
import itertools
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, TypeVar

import httpx

from core.errors import AppError, NotFound, Unavailable
from core.llm import Chunk, OpenAIChat
from core.logging import get_logger
from core.types import Message

LOOK_SECONDS = 1.0
"""Between two looks at a replica, while there are requests."""
ANSWER_SECONDS = 5.0
"""How long a look waits. What is asked needs no engine, so a busy vLLM answers it too."""

log = get_logger("replicas")

_T = TypeVar("_T")


class Replica:
    """One vLLM as its users in this process see it."""

    def __init__(self, name: str, url: str, chat: OpenAIChat) -> None:
        self.name, self.url, self.chat = name, url, chat
        self.in_flight = 0
        self.last_turn = -1
        self.failed = False
        self.lacking: set[str] = set()
        """Models that it answered it does not know."""
        self.next_look = 0.0
        """By the clock of `time.monotonic`."""

    def is_out(self, model: str) -> bool:
        return self.failed or model in self.lacking

    @contextmanager
    def taken(self, turn: int) -> Iterator[None]:
        self.in_flight += 1
        self.last_turn = turn
        try:
            yield
        finally:
            self.in_flight -= 1

    def refused(self, model: str, error: AppError) -> None:
        if not self.is_out(model):
            log.warning("replica left out", replica=self.name, model=model, reason=type(error).__name__)
        if isinstance(error, NotFound):
            self.lacking.add(model)
        else:
            self.failed = True

    def answered(self, model: str) -> None:
        if self.is_out(model):
            log.info("replica is back", replica=self.name, model=model)
        self.failed = False
        self.lacking.discard(model)

    def serves(self, model: str, served: set[str]) -> None:
        """It was asked what it serves, for the sake of `model`."""
        if model in served:
            self.answered(model)
        else:
            self.failed = False
            self.refused(model, NotFound(f"It has not loaded {model}"))
        self.lacking -= served


def choose(replicas: Sequence[Replica], model: str) -> Replica:
    """Fewest requests in flight, ties by turn. One that is left out only where there is no other: it may be back, and nothing else would answer."""
    return min(replicas, key=lambda r: (r.is_out(model), r.in_flight, r.last_turn))


class Replicas:
    """A `ChatModel`. A request that fails after some text is an error, as with one vLLM: another would say something else from there on."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        self._turns = itertools.count()
        self._looks: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)

    def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        return self._routed(model, lambda chat: chat.stream(model, messages, options))

    def stream_text(self, model: str, prompt: str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        return self._routed(model, lambda chat: chat.stream_text(model, prompt, options))

    async def _routed(self, model: str, ask: Callable[[OpenAIChat], AsyncGenerator[_T, None]]) -> AsyncGenerator[_T, None]:
        self._look_round(model)
        untried = list(self._replicas)
        while True:
            replica = choose(untried, model)
            untried.remove(replica)
            has_begun = False
            try:
                with replica.taken(next(self._turns)):
                    async with aclosing(ask(replica.chat)) as pieces:
                        async for piece in pieces:
                            if not has_begun:
                                replica.answered(model)
                            has_begun = True
                            yield piece
                return
            except (Unavailable, NotFound) as error:
                replica.refused(model, error)
                if has_begun or not untried:
                    raise

    def _look_round(self, model: str) -> None:
        for replica in self._replicas:
            if time.monotonic() >= replica.next_look:
                replica.next_look = math.inf
                look = asyncio.create_task(self._look(replica, model))
                self._looks.add(look)
                look.add_done_callback(self._looks.discard)

    async def _look(self, replica: Replica, model: str) -> None:
        try:
            replica.serves(model, await served_at(replica.url, self._client))
        except Unavailable as error:
            replica.refused(model, error)
        finally:
            replica.next_look = time.monotonic() + LOOK_SECONDS

    async def close(self) -> None:
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)
        await self._client.aclose()
        for replica in self._replicas:
            await replica.chat.close()


def connect(addresses: Mapping[str, str], timeout_seconds: float) -> OpenAIChat | Replicas:
    """The vLLMs at `addresses` (by name) as one model; one alone is asked directly. To be closed by the caller."""
    chats = {name: OpenAIChat(url, timeout_seconds=timeout_seconds) for name, url in addresses.items()}
    if len(chats) == 1:
        return next(iter(chats.values()))
    return Replicas([Replica(name, addresses[name], chat) for name, chat in chats.items()])


async def served_at(url: str, client: httpx.AsyncClient) -> set[str]:
    """Names that the vLLM at `url` answers to. Raises Unavailable when it does not answer, or is no vLLM."""
    with _vllm_errors():
        return _names(await client.get(f"{url}/models"))


def is_served(model: str, addresses: Iterable[str]) -> bool:
    """Whether any of the vLLMs at `addresses` answers to `model` at this moment. Blocks, for a second at most on each that hangs."""
    for url in addresses:
        with suppress(Unavailable), _vllm_errors():
            if model in _names(httpx.get(f"{url}/models", timeout=LOOK_SECONDS, trust_env=False)):
                return True
    return False


@contextmanager
def _vllm_errors() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"vLLM does not answer ({type(error).__name__}); it may still be starting") from error


def _names(answer: httpx.Response) -> set[str]:
    return {model["id"] for model in answer.raise_for_status().json()["data"]}
