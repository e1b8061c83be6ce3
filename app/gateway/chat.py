"""POST /v1/chat/completions, POST /v1/completions and GET /v1/models: OpenAI's protocol around `run_turn`."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Send

from app.gateway import metrics
from app.gateway.auth import Caller, ChatCaller
from app.gateway.body import json_body
from app.gateway.connection import Connected
from app.gateway.errors import error_body
from app.gateway.guard import is_banner
from app.gateway.house import house
from app.gateway.quota import Allowance, Quota
from app.gateway.replies import ChatShape, Extension, Piece, Shape, TextShape, added, choice, head, usage
from app.gateway.ticket import Ticket, may_ask, open_turns
from app.gateway.turn import Answer, Emit, opening, run_turn
from app.gateway.wire import ALIAS, ChatRequest, CompletionRequest, Id, listing
from core import store
from core.db import reading
from core.errors import AppError, BadInput, NotFound, Unavailable
from core.tracing import span
from core.types import Verdict

router = APIRouter(prefix="/v1")


_EVENT = {"type": "object", "required": ["data"], "properties": {"data": {"type": "string", "description": "A chunk as JSON, or [DONE]"}}}
_REPLY = {
    "description": "The reply, whole or, with `stream`, as server-sent events that end with [DONE]",
    "headers": {name: {"schema": {"type": "string"}} for name in ("X-Turn-Id", "X-Checkpoint-Id", "X-Conversation-Id", "X-Claims", "X-Findings")},
    "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": _EVENT}},
}


@router.post("/chat/completions", response_model=None, responses={200: _REPLY})
async def chat_completions(
    request: Request,
    quota: Quota,
    body: Annotated[ChatRequest, Depends(json_body(ChatRequest))],
    conversation: Annotated[Id | None, Header(alias="X-Conversation-Id")] = None,
) -> Response:
    """Answers a conversation as the production checkpoint (`balancedbio`) or a named one; see `app.gateway.turn`."""
    if conversation is not None and body.conversation_id is None:
        body = body.model_copy(update={"conversation_id": conversation})
    return await _answered(request, quota, body, ChatShape())


@router.post("/completions", response_model=None, responses={200: _REPLY})
async def completions(request: Request, quota: Quota, body: Annotated[CompletionRequest, Depends(json_body(CompletionRequest))]) -> Response:
    """Goes on with a bare text, under the same checks as a conversation."""
    return await _answered(request, quota, body, TextShape())


@router.get("/models")
def models(caller: ChatCaller) -> dict[str, Any]:
    """The alias first, then the checkpoints that it may stand for."""
    return listing(_models(caller))


@router.get("/models/{name}")
def model(caller: ChatCaller, name: str) -> dict[str, Any]:
    """One of those that the list has for this caller."""
    if found := next((one for one in _models(caller) if one["id"] == name), None):
        return found
    raise NotFound(f"There is no model {name[:80]!r}; GET /v1/models lists those that may be asked")


def _models(caller: Caller) -> list[dict[str, Any]]:
    with reading() as session:
        current = store.find_production(session)
        served = [current, *store.servable_checkpoints(session)] if current else []
    created = {c.id: int(c.created_at.timestamp()) for c in served if may_ask(caller, c)}
    alias = {ALIAS: created[current.id]} if current else {}
    return [{"id": name, "object": "model", "created": at, "owned_by": "balancedbio"} for name, at in (alias | created).items()]


async def _answered(request: Request, quota: Allowance, body: ChatRequest | CompletionRequest, shape: Shape) -> Response:
    tickets = await run_sync(open_turns, quota.caller, body, house(request).knowledge)
    if body.stream:
        return Connected(lambda send: _stream(request, tickets, quota, shape, send, includes_usage=body.includes_usage))
    return Connected(lambda send: _whole(request, tickets, quota, shape, send))


async def _whole(request: Request, tickets: Sequence[Ticket], quota: Allowance, shape: Shape, send: Send) -> None:
    pieces: list[list[Piece]] = [[] for _ in tickets]

    async def collect(index: int, piece: Piece) -> None:
        pieces[index].append(piece)

    async def answer(index: int) -> Answer:
        return await _ask(request, tickets[index], partial(collect, index))

    try:
        answers = await _together(answer, len(tickets))
    except (Unavailable, BadInput) as error:
        # Nobody who describes an emergency is told no more than to try again later, or to ask in another way.
        if (first := next((own[0].text for own in pieces if own), "")) and is_banner(first):
            raise type(error)(f"{first.strip()} {error}") from error
        raise
    used = _used(tickets, answers)
    await quota.spend(used["total_tokens"])
    choices = [choice(index, shape.all(own), one.finish_reason) for index, (own, one) in enumerate(zip(pieces, answers, strict=True))]
    extensions = [one.extension for one in answers]
    body = head(shape.whole, extensions[0]) | {"choices": choices, "usage": used} | added(extensions)
    await JSONResponse(body, headers=_headers(tickets[0]) | _judged(extensions))(request.scope, request.receive, send)


async def _stream(request: Request, tickets: Sequence[Ticket], quota: Allowance, shape: Shape, send: Send, *, includes_usage: bool) -> None:
    events = _Events(tickets, shape, send)

    async def answer(index: int) -> Answer:
        one = await _ask(request, tickets[index], lambda piece: events.choice(index, shape.part(piece)))
        await events.finish(index, shape.part(Piece()), one.finish_reason)
        return one

    try:
        answers = await _together(answer, len(tickets))
    except AppError as error:
        if not events.begun:
            raise
        await events.last(error_body(error.status, str(error), error.code))
        await events.close()
        return
    used = _used(tickets, answers)
    events.about(added([one.extension for one in answers]), used if includes_usage else None)
    try:
        await events.last("[DONE]")
    finally:  # a client that hangs up at [DONE] has used its tokens all the same
        with anyio.CancelScope(shield=True):
            await quota.spend(used["total_tokens"])
    await events.close()


async def _ask(request: Request, ticket: Ticket, emit: Emit) -> Answer:
    with metrics.turns_in_flight.track_inprogress(), span("turn"):
        return await run_turn(ticket, house(request).chat, emit)


async def _together(answer: Callable[[int], Awaitable[Answer]], count: int) -> list[Answer]:
    """The answers of all choices, at once. The first error stops the others and is raised as itself."""
    if count == 1:
        return [await answer(0)]
    answers: dict[int, Answer] = {}

    async def one(index: int) -> None:
        answers[index] = await answer(index)

    try:
        async with anyio.create_task_group() as tasks:
            for index in range(count):
                tasks.start_soon(one, index)
    except* AppError as errors:
        raise next(_leaves(errors)) from None
    return [answers[index] for index in range(count)]


def _leaves(errors: BaseExceptionGroup[AppError]) -> Iterator[AppError]:
    for error in errors.exceptions:
        yield from _leaves(error) if isinstance(error, BaseExceptionGroup) else (error,)


def _used(tickets: Sequence[Ticket], answers: Sequence[Answer]) -> dict[str, int]:
    """A prompt counts once, however many choices it got."""
    prompts: dict[tuple[Any, ...], int] = {}
    for ticket, one in zip(tickets, answers, strict=True):
        prompts[ticket.messages] = max(one.prompt_tokens, prompts.get(ticket.messages, 0))
    return usage(sum(prompts.values()), sum(one.completion_tokens for one in answers))


class _Events:
    """Server-sent events. The head goes out with the first one, so that an error before it can still be an HTTP status.

    What ends the choices, and with the last of them what became of the turn, leaves together with [DONE]: each write wakes the client.
    """

    def __init__(self, tickets: Sequence[Ticket], shape: Shape, send: Send) -> None:
        self._tickets, self._shape, self._send = tickets, shape, send
        self._head = head(shape.event, opening(tickets[0]))
        self._lock = anyio.Lock()  # several choices may begin at once, and the head goes first
        self._held = b""
        self._endings: list[dict[str, Any]] = []
        self.begun = False

    async def choice(self, index: int, body: Mapping[str, Any]) -> None:
        await self._begin()
        await self._write(self._head | {"choices": [choice(index, body)]})

    async def finish(self, index: int, body: Mapping[str, Any], reason: str) -> None:
        await self._begin()
        self._endings.append(self._head | {"choices": [choice(index, body, reason)]})

    def about(self, fields: Mapping[str, Any], used: Mapping[str, int] | None) -> None:
        """`fields` go with what ends the last choice: clients take the first choice of every event. Only `used` comes without one, as OpenAI's does."""
        self._endings[-1] |= fields
        if used is not None:
            self._endings.append(self._head | {"choices": [], "usage": used})

    async def last(self, event: Mapping[str, Any] | str) -> None:
        self._held += b"".join(_event(ending) for ending in self._endings)
        await self._write(event)

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self) -> None:
        async with self._lock:
            if self.begun:
                return
            self.begun = True
            start: Message = {"type": "http.response.start", "status": 200, "headers": []}
            MutableHeaders(scope=start).update(
                {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no", **_headers(self._tickets[0])}
            )
            await self._send(start)
            if begin := self._shape.begin():
                self._held += _event(self._head | {"choices": [choice(index, begin) for index in range(len(self._tickets))]})

    async def _write(self, event: Mapping[str, Any] | str) -> None:
        held, self._held = self._held, b""
        await self._send({"type": "http.response.body", "body": held + _event(event), "more_body": True})


def _event(event: Mapping[str, Any] | str) -> bytes:
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def _judged(extensions: Sequence[Extension]) -> dict[str, str]:
    """For who reads no bodies: how many claims got which verdict, and which rules found something. A stream's headers leave before there is any."""
    verdicts = Counter(claim.verdict for one in extensions for claim in one.claims)
    rules = dict.fromkeys(finding.rule for one in extensions for finding in one.findings)
    return {"X-Claims": ", ".join(f"{verdict}={verdicts[verdict]}" for verdict in Verdict), "X-Findings": ", ".join(rules)}


def _headers(ticket: Ticket) -> dict[str, str]:
    return {"X-Turn-Id": ticket.turn_id, "X-Checkpoint-Id": ticket.checkpoint_id, "X-Conversation-Id": ticket.conversation_id}
