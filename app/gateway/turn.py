"""One question and its answer: resolve, guard, stream, check, store.

Written as a push: `run_turn` calls `emit` with each piece that may be shown. That way cancelling the task that runs it is all it
takes to abort the model server when the client goes away; there is no generator left over that somebody must remember to close.
"""

import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import anyio
from anyio.to_thread import run_sync

from app.gateway import metrics
from app.gateway.guard import Guard, as_asked, notice, shown
from app.gateway.replies import Extension, Piece
from app.gateway.ticket import Ticket
from app.gateway.wire import without_control
from core import store
from core.db import unit_of_work
from core.errors import BadInput, NotFound, Unavailable
from core.knowledge.evidence import with_evidence
from core.llm import ChatModel, Chunk
from core.phi import deidentify
from core.settings import settings
from core.tables import Turn
from core.tracing import note, span
from core.types import Claim, Evidence, SafetyFinding, ToolCall

_SHORT_CHARS = 4_000
"""A sentence at the end of so long a reply is checked in about a millisecond."""

Emit = Callable[[Piece], Awaitable[None]]


class Answer(NamedTuple):
    """A finished turn as its client sees it."""

    extension: Extension
    finish_reason: str
    """OpenAI's: `stop`, `length`, `tool_calls` or `content_filter` (withheld)."""
    prompt_tokens: int
    completion_tokens: int


async def run_turn(ticket: Ticket, chat: ChatModel, emit: Emit) -> Answer:
    """Answers the ticket, showing checked text through `emit`, and stores the turn, de-identified.

    Cancelled: the model server is aborted, the turn is stored as cancelled. An error before any text changes nothing; one after some
    text, be it only the banner of an emergency, stores the turn as `error` and is raised. Raises Unavailable, BadInput.
    """
    started, guard, last = time.monotonic(), ticket.guard, Chunk()
    finish_reason = "error"
    try:
        with anyio.fail_after(settings().request_timeout_seconds):
            last = await _speak(ticket, chat, guard, emit)
        finish_reason = "withheld" if guard.withheld or guard.refused else last.finish_reason or "stop"
    except anyio.get_cancelled_exc_class():
        finish_reason = "cancelled"
        raise
    except TimeoutError as error:
        raise Unavailable(f"The reply took longer than {settings().request_timeout_seconds:.0f} seconds") from error
    finally:
        # With the banner a stream's head has gone out, and the ids in it must stand for something.
        if finish_reason != "error" or guard.seen or guard.banner:
            # The client may be gone; what was said is kept all the same.
            with anyio.CancelScope(shield=True):
                turn, claims, findings = await run_sync(_judge_and_store, ticket, guard, finish_reason, last, time.monotonic() - started)
                _count(turn, findings)
    return Answer(
        extension=_extension(ticket, guard.evidence, () if finish_reason == "withheld" else claims, findings, withheld=finish_reason == "withheld"),
        finish_reason="content_filter" if finish_reason == "withheld" else finish_reason,
        prompt_tokens=last.prompt_tokens,
        completion_tokens=last.completion_tokens,
    )


def opening(ticket: Ticket) -> Extension:
    """What can be said of the turn before it is answered."""
    return _extension(ticket, (), (), (), withheld=False)


async def _speak(ticket: Ticket, chat: ChatModel, guard: Guard, emit: Emit) -> Chunk:
    """Passes the model's reply through the guard; returns the last chunk, which carries the counts."""
    if guard.banner:
        await emit(Piece(guard.banner))
    if guard.refused:
        await emit(Piece(notice(guard.refused)))
        guard.evidence = ()
        return Chunk()
    try:
        return await _pass_on(ticket, chat, guard, emit)
    except BadInput:
        if guard.seen or not guard.evidence:
            raise
        guard.evidence = ()  # the prompt is too long for the model: what was added goes first
        return await _pass_on(ticket, chat, guard, emit)


async def _pass_on(ticket: Ticket, chat: ChatModel, guard: Guard, emit: Emit) -> Chunk:
    started, is_first, last, tokens, chunks_read = time.monotonic(), True, Chunk(), _Tokens(), 0
    try:
        # Closed on every way out, so that the model server stops as soon as nobody reads.
        async with aclosing(_stream(ticket, chat, guard)) as chunks:
            async for chunk in chunks:
                last = _plain(chunk)
                at_end = last.finish_reason is not None
                chunks_read += 1
                tokens.add(last)
                if not guard.hold(last.text) and not at_end:
                    continue
                if text := await _released(guard, at_end):
                    if is_first:
                        metrics.seconds_to_first_text.observe(time.monotonic() - started)
                        is_first = False
                    await emit(Piece(text, tokens.of(text)))
                if last.tool_calls and not guard.withheld:
                    await run_sync(guard.check_calls, last.tool_calls)
                if guard.withheld:
                    await emit(Piece(("" if is_first else "\n\n") + notice(guard.withheld)))
                    # Counts come with the end, which nobody waits for; each chunk was a token at least.
                    return last if at_end else last.model_copy(update={"completion_tokens": chunks_read})
        if last.tool_calls:
            await emit(Piece(tool_calls=last.tool_calls))
    except NotFound as error:
        # We resolved the name ourselves, so it is vLLM that is behind: it restarts, or still loads the adapter.
        raise Unavailable(f"Checkpoint {ticket.checkpoint_id} is not loaded yet; try again shortly") from error
    if last.finish_reason is None:
        raise Unavailable("The model endpoint ended the reply early; try again")
    return last


def _stream(ticket: Ticket, chat: ChatModel, guard: Guard) -> AsyncGenerator[Chunk, None]:
    if ticket.is_bare:
        return chat.stream_text(ticket.checkpoint_id, ticket.messages[0].content, ticket.options)
    prompt = with_evidence(as_asked(ticket.messages), [e.statement for e in guard.evidence])
    return chat.stream(ticket.checkpoint_id, prompt, ticket.options)


def _plain(chunk: Chunk) -> Chunk:
    text = without_control(chunk.text)
    return chunk if text == chunk.text else chunk.model_copy(update={"text": text})


class _Tokens:
    """Log-probabilities wait with their text: those of a piece leave once all of the chunk that brought them has been released."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, tuple[dict[str, Any], ...]]] = deque()
        self._come = self._gone = 0

    def add(self, chunk: Chunk) -> None:
        self._come += len(chunk.text)
        if chunk.logprobs:
            self._waiting.append((self._come, chunk.logprobs))

    def of(self, text: str) -> tuple[dict[str, Any], ...]:
        self._gone += len(text)
        found: list[dict[str, Any]] = []
        while self._waiting and self._waiting[0][0] <= self._gone:
            found += self._waiting.popleft()[1]
        return tuple(found)


async def _released(guard: Guard, at_end: bool) -> str:
    """What may be sent now. A short reply is checked in less time than a change of threads takes; a long one would hold up everybody else."""
    return guard.release(at_end) if len(guard.seen) < _SHORT_CHARS else await run_sync(guard.release, at_end)


def _judge_and_store(
    ticket: Ticket, guard: Guard, finish_reason: str, last: Chunk, seconds: float
) -> tuple[Turn, tuple[Claim, ...], tuple[SafetyFinding, ...]]:
    with span("judge"):
        claims = guard.claims()
        findings = guard.findings(claims)
        turn = _row(ticket, guard, finish_reason, claims, findings, last, seconds)
    _store(ticket, turn)
    return turn, claims, findings


def _row(ticket: Ticket, guard: Guard, finish_reason: str, claims: tuple[Claim, ...], findings: tuple[SafetyFinding, ...], last: Chunk, seconds: float) -> Turn:
    """The turn as it is stored: the model's own words (a withheld reply too, for reviewers), with identifiers removed."""
    return Turn(
        id=ticket.turn_id,
        conversation_id=ticket.conversation_id,
        user_id=ticket.user_id,
        checkpoint_id=ticket.checkpoint_id,
        messages=[m.model_copy(update={"content": deidentify(m.content), "tool_calls": _nameless(m.tool_calls)}).model_dump() for m in ticket.messages],
        reply=deidentify("\n".join(filter(None, (guard.seen, *map(_in_words, last.tool_calls))))),
        finish_reason=finish_reason,
        evidence=[e.model_dump(mode="json") for e in guard.evidence],
        claims=[c.model_copy(update={"quote": deidentify(c.quote)}).model_dump(mode="json") for c in claims],
        findings=[f.model_copy(update={"quote": deidentify(f.quote)}).model_dump(mode="json") for f in findings],
        usage={"prompt_tokens": last.prompt_tokens, "completion_tokens": last.completion_tokens},
        latency_ms=seconds * 1000,
    )


def _nameless(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    return tuple(c.model_copy(update={"arguments": deidentify(c.arguments)}) for c in calls)


def _in_words(call: ToolCall) -> str:
    """A tool call as models write it before vLLM reads it (Hermes' form, which Qwen's is)."""
    return f"<tool_call>\n{json.dumps({'name': call.name, 'arguments': call.arguments}, ensure_ascii=False)}\n</tool_call>"


@span("store")
def _store(ticket: Ticket, turn: Turn) -> None:
    with unit_of_work() as session:
        if ticket.is_first:
            store.ensure_conversation(session, ticket.conversation_id, ticket.user_id, ticket.opened_at, ticket.canary_round_id)
        store.add_turn(session, turn)


def _count(turn: Turn, findings: tuple[SafetyFinding, ...]) -> None:
    metrics.count_turn(turn, findings)
    note(
        {
            "turn.id": turn.id,
            "checkpoint.id": turn.checkpoint_id,
            "turn.finish_reason": turn.finish_reason,
            "turn.findings": [finding.rule for finding in findings],
            "tokens.prompt": turn.usage["prompt_tokens"],
            "tokens.completion": turn.usage["completion_tokens"],
        }
    )


def _extension(ticket: Ticket, evidence: tuple[Evidence, ...], claims: tuple[Claim, ...], findings: tuple[SafetyFinding, ...], withheld: bool) -> Extension:
    return Extension(
        turn_id=ticket.turn_id,
        conversation_id=ticket.conversation_id,
        checkpoint_id=ticket.checkpoint_id,
        evidence=evidence,
        claims=claims,
        findings=tuple(shown(f, withheld) for f in findings),
        withheld=withheld,
    )
