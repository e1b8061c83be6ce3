"""One question and its answer: resolve, guard, stream, check, store.

Written as a push: `run_turn` calls `emit` with each piece that may be shown. That way cancelling the task that runs it is all it
takes to abort the model server when the client goes away; there is no generator left over that somebody must remember to close.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

import anyio
from anyio.to_thread import run_sync

from app.gateway import metrics
from app.gateway.auth import Caller
from app.gateway.guard import Guard, notice, shown, without_notices
from app.gateway.wire import ALIAS, ChatRequest, Extension
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
from core.tables import Checkpoint, Conversation, Turn, new_id
from core.types import Claim, Evidence, Message, SafetyFinding

_SHORT_CHARS = 4_000
"""A sentence at the end of so long a reply is checked in about a millisecond."""

Emit = Callable[[str], Awaitable[None]]


class Ticket(NamedTuple):
    """A turn that may begin: everything about it that is known before the model is asked."""

    turn_id: str
    conversation_id: str
    is_first: bool
    """The conversation is new: its row is written with the turn."""
    user_id: str
    checkpoint_id: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    guard: Guard
    """Has read the question, and holds the facts of the knowledge base that go with it."""


class Answer(NamedTuple):
    """A finished turn as its client sees it."""

    extension: Extension
    finish_reason: str
    """OpenAI's: `stop`, `length` or `content_filter` (withheld)."""
    usage: dict[str, int]


def open_turn(caller: Caller, request: ChatRequest, knowledge: Callable[[], Knowledge]) -> Ticket:
    """Resolves the model and the conversation, reads the question. Writes nothing. Raises NotFound, NotAllowed, Unavailable, KnowledgeError.

    All of it in one thread: each change of threads costs a busy machine milliseconds.
    """
    with reading() as session:
        checkpoint = store.production(session) if request.model == ALIAS else store.get_checkpoint(session, request.model)
        if not may_ask(caller, checkpoint):
            raise NotAllowed(f"Checkpoint {checkpoint.id} has not passed its exam; only an admin may ask it")
        if request.conversation_id is not None:
            store.conversation_of(session, caller.user_id, request.conversation_id)
    return Ticket(
        turn_id=new_id("turn"),
        conversation_id=request.conversation_id or new_id("conv"),
        is_first=request.conversation_id is None,
        user_id=caller.user_id,
        checkpoint_id=checkpoint.id,
        messages=request.conversation,
        options=request.options,
        guard=_guard(request, knowledge()),
    )


def _guard(request: ChatRequest, knowledge: Knowledge) -> Guard:
    messages = request.conversation
    facts = retrieve(messages, knowledge, _room_for_evidence(messages)) if request.evidence else ()
    return Guard(messages, knowledge, [knowledge.graph.evidence(f) for f in facts])


def _room_for_evidence(messages: tuple[Message, ...]) -> int:
    """As set, but a third of the model's window stays for the reply."""
    asked = sum(estimated_tokens(m.content) for m in messages)
    return max(0, min(settings().evidence_tokens, settings().vllm_max_model_len * 2 // 3 - asked))


async def run_turn(ticket: Ticket, chat: ChatModel, emit: Emit) -> Answer:
    """Answers the ticket, showing checked text through `emit`, and stores the turn, de-identified.
    Cancelled: the model server is aborted, the turn is stored as cancelled. An error before any text changes nothing; one after some
    text stores the turn as `error` and is raised. Raises Unavailable, BadInput.
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
        if finish_reason != "error" or guard.seen:
            # The client may be gone; what was said is kept all the same.
            with anyio.CancelScope(shield=True):
                claims, findings = await run_sync(_judge_and_store, ticket, guard, finish_reason, last, time.monotonic() - started)
                _count(ticket, finish_reason, findings, last)
    return Answer(
        extension=_extension(ticket, guard.evidence, () if finish_reason == "withheld" else claims, findings, withheld=finish_reason == "withheld"),
        finish_reason="content_filter" if finish_reason == "withheld" else finish_reason,
        usage={"prompt_tokens": last.prompt_tokens, "completion_tokens": last.completion_tokens, "total_tokens": last.prompt_tokens + last.completion_tokens},
    )


def opening(ticket: Ticket) -> Extension:
    """What can be said of the turn before it is answered."""
    return _extension(ticket, (), (), (), withheld=False)


async def _speak(ticket: Ticket, chat: ChatModel, guard: Guard, emit: Emit) -> Chunk:
    """Passes the model's reply through the guard; returns the last chunk, which carries the counts."""
    if guard.banner:
        await emit(guard.banner)
    if guard.refused:
        await emit(notice(guard.refused))
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
    started, is_first, last = time.monotonic(), True, Chunk()
    prompt = with_evidence(without_notices(ticket.messages), [e.statement for e in guard.evidence])
    stream = chat.stream(ticket.checkpoint_id, prompt, ticket.options)
    try:
        # Closed on every way out, so that the model server stops as soon as nobody reads.
        async with aclosing(stream) as chunks:
            async for last in chunks:
                at_end = last.finish_reason is not None
                if not guard.hold(last.text) and not at_end:
                    continue
                if text := await _released(guard, at_end):
                    if is_first:
                        metrics.seconds_to_first_text.observe(time.monotonic() - started)
                        is_first = False
                    await emit(text)
                if guard.withheld:
                    await emit(("" if is_first else "\n\n") + notice(guard.withheld))
                    return last
    except NotFound as error:
        # We resolved the name ourselves, so it is vLLM that is behind: it restarts, or still loads the adapter.
        raise Unavailable(f"Checkpoint {ticket.checkpoint_id} is not loaded yet; try again shortly") from error
    if last.finish_reason is None:
        raise Unavailable("The model endpoint ended the reply early; try again")
    return last


async def _released(guard: Guard, at_end: bool) -> str:
    """What may be sent now. A short reply is checked in less time than a change of threads takes; a long one would hold up everybody else."""
    return guard.release(at_end) if len(guard.seen) < _SHORT_CHARS else await run_sync(guard.release, at_end)


def _judge_and_store(ticket: Ticket, guard: Guard, finish_reason: str, last: Chunk, seconds: float) -> tuple[tuple[Claim, ...], tuple[SafetyFinding, ...]]:
    claims, findings = check_claims(split_reply(guard.seen).answer, guard.knowledge), guard.findings()
    _store(ticket, _row(ticket, guard, finish_reason, claims, findings, last, seconds))
    return claims, findings


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
        messages=[{"role": m.role, "content": deidentify(m.content)} for m in ticket.messages],
        reply=deidentify(guard.seen),
        finish_reason=finish_reason,
        evidence=[e.model_dump(mode="json") for e in guard.evidence],
        claims=[c.model_copy(update={"quote": deidentify(c.quote)}).model_dump(mode="json") for c in claims],
        findings=[f.model_copy(update={"quote": deidentify(f.quote)}).model_dump(mode="json") for f in findings],
        usage={"prompt_tokens": last.prompt_tokens, "completion_tokens": last.completion_tokens},
        latency_ms=seconds * 1000,
    )


def _store(ticket: Ticket, turn: Turn) -> None:
    with unit_of_work() as session:
        if ticket.is_first:
            session.add(Conversation(id=ticket.conversation_id, user_id=ticket.user_id))
            session.flush()
        store.add_turn(session, turn)


def _count(ticket: Ticket, finish_reason: str, findings: tuple[SafetyFinding, ...], last: Chunk) -> None:
    metrics.turns.labels(ticket.checkpoint_id, finish_reason).inc()
    metrics.tokens.labels("prompt").inc(last.prompt_tokens)
    metrics.tokens.labels("completion").inc(last.completion_tokens)
    metrics.count_findings(findings)


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
