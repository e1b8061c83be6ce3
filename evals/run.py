"""Sits an exam: every item of a suite once, greedily, against a model behind an OpenAI-compatible endpoint."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime

from core.errors import BadInput, Unavailable
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.llm import ChatModel
from core.types import EvalReport, ExamItem, ItemResult
from evals.scorers import score_reply
from evals.suites import Suite

_CONCURRENCY = 32
TEMPERATURE, SEED = 0.0, 0
_CHARS_PER_TOKEN = 40
"""More than any tokenizer packs into a token, on average over a reply: who says more does not keep to the limit and may never end."""
_REPLY_SECONDS = 600.0
"""Of one reply: the longest that an exam asks for (1,280 tokens) at little more than two a second."""


async def run_suite(
    suite: Suite, chat: ChatModel, model: str, knowledge: Knowledge, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> EvalReport:
    """The report of `model` on `suite`, its items in the suite's order.

    A request that the model refuses is recorded as a failed item. Raises Unavailable when the endpoint stops answering and NotFound when
    it does not know the model: an exam that was cut short is sat again, never judged.
    """
    gate = asyncio.Semaphore(_CONCURRENCY)
    done = 0

    async def sit(item: ExamItem) -> ItemResult:
        nonlocal done
        async with gate:
            result = await _answer(item, chat, model, knowledge)
        done += 1
        on_progress(done, len(suite.items))
        return result

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sit(item)) for item in suite.items]
    except ExceptionGroup as failures:
        # The items fail for one reason; the first of them is it. A group is not among the errors that callers classify.
        first = failures.exceptions[0]
        if isinstance(first, Unavailable):
            raise Unavailable(f"The exam of {model} was cut short: {first}") from failures
        raise first from None
    return EvalReport(suite=suite.name, suite_hash=suite.hash, model=model, items=tuple(t.result() for t in tasks), created_at=datetime.now(UTC))


async def _answer(item: ExamItem, chat: ChatModel, model: str, knowledge: Knowledge) -> ItemResult:
    began = time.perf_counter()
    common = {"item_id": item.id, "capability": item.capability, "family": item.family, "cluster": item.cluster, "book": item.book}
    try:
        reply = await _reply(item, chat, model)
    except BadInput as error:
        return ItemResult(**common, reply="", scores=(), correct=None, error=str(error))  # type: ignore[arg-type]  # one literal for both
    latency_ms = (time.perf_counter() - began) * 1000
    scored = score_reply(item, reply, knowledge)
    return ItemResult(**common, reply=reply, scores=scored.scores, correct=scored.correct, findings=scored.findings, latency_ms=latency_ms)  # type: ignore[arg-type]  # of mixed types


async def _reply(item: ExamItem, chat: ChatModel, model: str) -> str:
    """Raises BadInput for a reply that does not end: an endpoint that ignores `max_tokens` must not hold up an exam for ever."""
    text = ""
    options = {"temperature": TEMPERATURE, "seed": SEED, "max_tokens": item.reply_tokens}
    try:
        async with asyncio.timeout(_REPLY_SECONDS), aclosing(chat.stream(model, with_evidence(item.messages, item.evidence), options)) as chunks:
            async for chunk in chunks:
                text += chunk.text
                if len(text) > item.reply_tokens * _CHARS_PER_TOKEN:
                    raise BadInput(f"The reply goes on after {len(text)} characters, though {item.reply_tokens} tokens were asked for")
    except TimeoutError as error:
        raise BadInput(f"The reply had not ended after {_REPLY_SECONDS:g} s") from error
    return text
