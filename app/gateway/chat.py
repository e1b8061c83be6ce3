"""POST /v1/chat/completions and GET /v1/models: OpenAI's protocol around `run_turn`."""

import json
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Send

from app.gateway.auth import ChatCaller
from app.gateway.body import json_body
from app.gateway.connection import Connected
from app.gateway.errors import error_body
from app.gateway.guard import is_banner
from app.gateway.house import house
from app.gateway.turn import Answer, Ticket, may_ask, open_turn, opening, run_turn
from app.gateway.wire import ALIAS, ChatRequest, Id, completion, delta_chunk, last_chunk, listing
from core import store
from core.db import reading
from core.errors import AppError, Unavailable

router = APIRouter(prefix="/v1")


_EVENT = {"type": "object", "required": ["data"], "properties": {"data": {"type": "string", "description": "A chunk as JSON, or [DONE]"}}}
_REPLY = {
    "description": "The reply, whole or, with `stream`, as server-sent events that end with [DONE]",
    "headers": {name: {"schema": {"type": "string"}} for name in ("X-Turn-Id", "X-Checkpoint-Id", "X-Conversation-Id")},
    "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": _EVENT}},
}


@router.post("/chat/completions", response_model=None, responses={200: _REPLY})
async def chat_completions(
    request: Request,
    caller: ChatCaller,
    body: Annotated[ChatRequest, Depends(json_body(ChatRequest))],
    conversation: Annotated[Id | None, Header(alias="X-Conversation-Id")] = None,
) -> Response:
    """Answers a conversation as the production checkpoint (`balancedbio`) or a named one; see `app.gateway.turn`."""
    if conversation is not None and body.conversation_id is None:
        body = body.model_copy(update={"conversation_id": conversation})
    ticket = await run_sync(open_turn, caller, body, house(request).knowledge)
    if body.stream:
        include_usage = body.stream_options is not None and body.stream_options.include_usage
        return Connected(lambda send: _stream(request, ticket, include_usage, send))
    return Connected(lambda send: _whole(request, ticket, send))


@router.get("/models")
def models(caller: ChatCaller) -> dict[str, Any]:
    """The alias first, then the checkpoints that it may stand for."""
    with reading() as session:
        current = store.find_production(session)
        served = [current, *store.servable_checkpoints(session)] if current else []
    created = {c.id: int(c.created_at.timestamp()) for c in served if may_ask(caller, c)}
    alias = {ALIAS: created[current.id]} if current else {}
    return listing([{"id": name, "object": "model", "created": at, "owned_by": "balancedbio"} for name, at in (alias | created).items()])


async def _whole(request: Request, ticket: Ticket, send: Send) -> None:
    pieces: list[str] = []

    async def collect(text: str) -> None:
        pieces.append(text)

    try:
        answer = await run_turn(ticket, house(request).chat, collect)
    except Unavailable as error:
        # Nobody who describes an emergency is told no more than to try again later.
        if pieces and is_banner(pieces[0]):
            raise Unavailable(f"{pieces[0].strip()} {error}") from error
        raise
    body = completion(answer.extension, "".join(pieces), answer.finish_reason, answer.usage)
    await JSONResponse(body, headers=_headers(ticket))(request.scope, request.receive, send)


async def _stream(request: Request, ticket: Ticket, include_usage: bool, send: Send) -> None:
    events = _Events(ticket, send)

    async def emit(text: str) -> None:
        await events.send(delta_chunk(opening(ticket), {"content": text}))

    try:
        answer: Answer = await run_turn(ticket, house(request).chat, emit)
    except AppError as error:
        if not events.begun:
            raise
        await events.end(error_body(error.status, str(error), error.code))
        return
    await events.send(delta_chunk(answer.extension, {}, answer.finish_reason))
    await events.send(last_chunk(answer.extension, answer.usage if include_usage else None))
    await events.end("[DONE]")


class _Events:
    """Server-sent events. The head goes out with the first one, so that an error before it can still be an HTTP status."""

    def __init__(self, ticket: Ticket, send: Send) -> None:
        self._ticket, self._send = ticket, send
        self.begun = False

    async def send(self, event: dict[str, Any] | str) -> None:
        if not self.begun:
            self.begun = True
            head: Message = {"type": "http.response.start", "status": 200, "headers": []}
            MutableHeaders(scope=head).update(
                {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no", **_headers(self._ticket)}
            )
            await self._send(head)
            await self.send(delta_chunk(opening(self._ticket), {"role": "assistant", "content": ""}))
        text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        await self._send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": True})

    async def end(self, event: dict[str, Any] | str) -> None:
        await self.send(event)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers(ticket: Ticket) -> dict[str, str]:
    return {"X-Turn-Id": ticket.turn_id, "X-Checkpoint-Id": ticket.checkpoint_id, "X-Conversation-Id": ticket.conversation_id}
