"""One question and its answer: resolve, guard, stream, check, store.

Written as a push: `run_turn` calls `emit` with each piece that may be shown. That way cancelling the task that runs it is all it
takes to abort the model server when the client goes away; there is no generator left over that somebody must remember to close.
"""

import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple

import anyio
from anyio.to_thread import run_sync

from app.gateway import metrics
from app.gateway.alias import Asked, behind_alias
from app.gateway.auth import Caller
from app.gateway.guard import Guard, as_said, notice, shown, without_notices
from app.gateway.replies import Extension, Piece
from app.gateway.wire import ALIAS, ChatRequest, CompletionRequest
from core import store
from core.db import reading, unit_of_work
from core.errors import BadInput, NotAllowed, NotFound, Unavailable
from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.knowledge.evidence import estimated_tokens, retrieve, with_evidence
from core.llm import ChatModel, Chunk
from core.phi import deidentify
from core.reply import split_reply
from core.settings import settings
from core.states import CheckpointStatus, Scope
from core.tables import Checkpoint, Turn, new_id, utc_now
from core.tracing import note, span
from core.types import Claim, Evidence, Message, SafetyFinding, ToolCall

Emit = Callable[[Piece], Awaitable[None]]


class Ticket(NamedTuple):
    """A turn that may begin: everything about it that is known before the model is asked."""

    turn_id: str
    conversation_id: str
    is_first: bool
    """The conversation is new: its row is written with the turn."""
    opened_at: datetime
    user_id: str
    checkpoint_id: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    evidence_tokens: int = 0
    """Room for facts of the knowledge base."""
    is_bare: bool = False
    """Not a chat: the model goes on with the one message's text as it is."""
    canary_round_id: str | None = None
    """The round in whose canary a conversation that begins here takes part."""


class Answer(NamedTuple):
    """A finished turn as its client sees it."""

    extension: Extension
    finish_reason: str
    """OpenAI's: `stop`, `length`, `tool_calls` or `content_filter` (withheld)."""
    prompt_tokens: int
    completion_tokens: int


def open_turns(caller: Caller, request: ChatRequest | CompletionRequest) -> tuple[Ticket, ...]:
    """A ticket for each choice that was asked for, all for one checkpoint and one conversation. Writes nothing. Raises NotFound, NotAllowed, Unavailable."""
    continued = request.conversation_id if isinstance(request, ChatRequest) else None
    conversation_id, opened_at = continued or new_id("conv"), utc_now()
    with reading() as session:
        named = None if request.model == ALIAS else store.get_checkpoint(session, request.model)
        if named and not may_ask(caller, named):
            raise NotAllowed(f"Checkpoint {named.id} has not passed its exam; only an admin may ask it")
        conversation = store.conversation_of(session, caller.user_id, continued) if continued else None
        asked = Asked(named) if named else behind_alias(session, conversation_id, conversation)
    first = Ticket(
        turn_id="",
        conversation_id=conversation_id,
        is_first=continued is None,
        opened_at=opened_at,
        user_id=caller.user_id,
        checkpoint_id=asked.answering().id,
        messages=(),
        options=request.options,
        canary_round_id=asked.canary_round_id,
    )
    return tuple(_choice(asked, number) for asked in _asked(first, request) for number in range(request.n or 1))


def _asked(ticket: Ticket, request: ChatRequest | CompletionRequest) -> tuple[Ticket, ...]:
    """The ticket with each of the texts that are to be answered."""
    if isinstance(request, ChatRequest):
        return (ticket._replace(messages=request.conversation, evidence_tokens=_room_for_evidence(request.conversation) if request.evidence else 0),)
    return tuple(ticket._replace(messages=(Message(role="user", content=prompt),), is_bare=True) for prompt in request.prompts)


def _choice(asked: Ticket, number: int) -> Ticket:
    """With one seed for all, every choice would be the same."""
    seed = asked.options.get("seed")
    return asked._replace(turn_id=new_id("turn"), options=asked.options if seed is None else {**asked.options, "seed": seed + number})


def _room_for_evidence(messages: tuple[Message, ...]) -> int:
    """As set, but a third of the model's window stays for the reply."""
    asked = sum(estimated_tokens(m.content) for m in messages)
    return max(0, min(settings().evidence_tokens, settings().vllm_max_model_len * 2 // 3 - asked))


async def run_turn(ticket: Ticket, chat: ChatModel, knowledge: Knowledge, emit: Emit) -> Answer:
    """Answers the ticket, showing checked text through `emit`, and stores the turn, de-identified.

    Cancelled: the model server is aborted, the turn is stored as cancelled. An error before any text changes nothing; one after some
    text stores the turn as `error` and is raised. Raises Unavailable, BadInput.
    """
    started = time.monotonic()
    guard = await run_sync(_guard, ticket, knowledge)
    last = Chunk()
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
        if finish_reason != "error" or guard.seen:
            # The client may be gone; what was said is kept all the same.
            with anyio.CancelScope(shield=True):
                claims, findings = await run_sync(_judge, guard, knowledge)
                turn = _row(ticket, guard, finish_reason, claims, findings, last, time.monotonic() - started)
                await run_sync(_store, ticket, turn)
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


def _guard(ticket: Ticket, knowledge: Knowledge) -> Guard:
    with span("retrieve"):
        facts = retrieve(as_said(ticket.messages), knowledge, ticket.evidence_tokens) if ticket.evidence_tokens else ()
        note({"evidence.facts": len(facts)})
    with span("guard"):
        return Guard(ticket.messages, knowledge, [knowledge.graph.evidence(f) for f in facts])


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
    started, is_first, last, tokens = time.monotonic(), True, Chunk(), _Tokens()
    try:
        # Closed on every way out, so that the model server stops as soon as nobody reads.
        async with aclosing(_stream(ticket, chat, guard)) as chunks:
            async for last in chunks:
                at_end = last.finish_reason is not None
                tokens.add(last)
                if not guard.hold(last.text) and not at_end:
                    continue
                if text := await run_sync(guard.release, at_end):
                    if is_first:
                        metrics.seconds_to_first_text.observe(time.monotonic() - started)
                        is_first = False
                    await emit(Piece(text, tokens.of(text)))
                if last.tool_calls and not guard.withheld:
                    await run_sync(guard.check_calls, last.tool_calls)
                if guard.withheld:
                    await emit(Piece(("" if is_first else "\n\n") + notice(guard.withheld)))
                    return last
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
    prompt = with_evidence(without_notices(ticket.messages), [e.statement for e in guard.evidence])
    return chat.stream(ticket.checkpoint_id, prompt, ticket.options)


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


@span("judge")
def _judge(guard: Guard, knowledge: Knowledge) -> tuple[tuple[Claim, ...], tuple[SafetyFinding, ...]]:
    return check_claims(split_reply(guard.seen).answer, knowledge), guard.findings()


def may_ask(caller: Caller, checkpoint: Checkpoint) -> bool:
    """Weights that no exam has passed answer admins only: a clinician must not meet them."""
    return checkpoint.status in (CheckpointStatus.PRODUCTION, CheckpointStatus.RETIRED) or caller.may(Scope.ADMIN)


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
