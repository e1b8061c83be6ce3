"""A language model asked many things at once by code that is itself not asynchronous. What fails is an answer too: its error says why."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from core.errors import AppError, BadInput, Garbled, TimedOut, Unavailable
from core.llm import ChatModel, OpenAIChat, complete
from core.reply import split_reply
from core.types import Message

_LOOK_SECONDS = 0.5
REFUSED = "refused"
"""The request itself was not accepted: its content is the cause, not the endpoint."""

_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


class Question(NamedTuple):
    messages: Sequence[Message]
    options: Mapping[str, Any]
    """OpenAI's sampling parameters."""


class Answer(NamedTuple):
    text: str = ""
    is_whole: bool = False
    """Whether the model ended it by itself, not at its limit of tokens."""
    error: AppError | None = None
    """TimedOut, Garbled, another Unavailable, or BadInput when the request was refused."""


def failure(error: AppError) -> str:
    """The kind of an answer's error, as runs count it."""
    match error:
        case TimedOut():
            return "timed_out"
        case Garbled():
            return "garbled"
        case Unavailable():
            return "unavailable"
        case _:
            return REFUSED


def json_of(answer: Answer) -> Any:
    """What a whole answer says as JSON, beside its thinking and a fence around it. Raises ValueError for anything that is none."""
    try:
        return json.loads(_FENCE.sub("", split_reply(answer.text).answer.strip()))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


class Endpoint:
    """Use as a context. `watch` is called twice a second while answers are awaited; what it raises ends the waiting."""

    def __init__(
        self,
        chat: ChatModel,
        model: str,
        *,
        concurrency: int = 16,
        timeout_seconds: float = 120.0,
        watch: Callable[[], None] = lambda: None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.model = model
        self._chat, self._concurrency, self._timeout_seconds, self._watch, self._close = chat, concurrency, timeout_seconds, watch, close
        self._runner = asyncio.Runner()

    @classmethod
    def at(cls, url: str, model: str, *, api_key: str = "none", timeout_seconds: float = 120.0, watch: Callable[[], None] = lambda: None) -> Self:
        """The model behind an OpenAI-compatible address. The key goes into the request's header and nowhere else."""
        chat = OpenAIChat(url, api_key, timeout_seconds)
        return cls(chat, model, timeout_seconds=timeout_seconds, watch=watch, close=chat.close)

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._close is not None:
                self._runner.run(_awaited(self._close))
        finally:
            self._runner.close()

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in their order. Raises NotFound for an unknown model, and what `watch` raises."""
        return self._runner.run(self._ask(questions))

    def rest(self, seconds: float) -> None:
        """Waits before the endpoint is asked again."""
        self._runner.run(self._rest(seconds))

    async def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        gate = asyncio.Semaphore(self._concurrency)
        tasks = [asyncio.create_task(self._one(q, gate)) for q in questions]
        try:
            while pending := [t for t in tasks if not t.done()]:
                await asyncio.wait(pending, timeout=_LOOK_SECONDS)
                self._watch()
            return [t.result() for t in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, question: Question, gate: asyncio.Semaphore) -> Answer:
        async with gate:
            try:
                # The client's own limit is for one read: a reply that trickles in would never reach it.
                async with asyncio.timeout(self._timeout_seconds):
                    text, last = await complete(self._chat, self.model, question.messages, question.options)
            except TimeoutError:
                return Answer(error=TimedOut(f"{self.model} did not answer within {self._timeout_seconds:g} s"))
            except (Unavailable, BadInput) as error:
                return Answer(error=error)
            return Answer(text, last.finish_reason == "stop")

    async def _rest(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / _LOOK_SECONDS))):
            self._watch()
            await asyncio.sleep(min(seconds, _LOOK_SECONDS))


async def _awaited(call: Callable[[], Awaitable[None]]) -> None:
    await call()


_T = TypeVar("_T")


def chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Runs of `size` items, the last one shorter: what is asked together."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
