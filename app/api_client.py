"""Our own gateway as the pages see it: over HTTP, with the visitor's session, like any other client.

The pages live in the same process and could call the functions behind the routes. They do not: what they may do is then decided in one
place, and whatever they need an outside tool can have too.
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel

from app.api_rows import AuditPage, CheckpointRow, ExamRow, FeedbackRow, KeyRow, Me, RoundDetail, RoundRow, UserRow
from app.gateway.replies import Extension
from app.gateway.wire import ALIAS, FeedbackRequest
from core.errors import AppError, BadInput, Conflict, NotAllowed, NotFound, NotSignedIn, TooLarge, TooManyRequests, Unavailable
from core.settings import settings
from core.states import FeedbackStatus
from core.tracing import outgoing
from core.types import Message, Value

Row = TypeVar("Row", bound=BaseModel)

_ERRORS: Mapping[int, type[AppError]] = {
    error.status: error for error in (BadInput, NotSignedIn, NotAllowed, NotFound, Conflict, TooLarge, TooManyRequests, Unavailable)
}
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 30.0


class ReplyStart(Value):
    """The turn has a name before its first word, so that a reply stopped half way can be judged."""

    turn_id: str
    conversation_id: str
    checkpoint_id: str


class ReplyText(Value):
    text: str


class ReplyEnd(Value):
    extension: Extension
    finish_reason: str


ReplyEvent = ReplyStart | ReplyText | ReplyEnd


class Api:
    """Calls the gateway as the owner of `token` (a session cookie or an API key).

    Every method raises the error that the gateway met (`core.errors`), or Unavailable when it does not answer.
    """

    def __init__(self, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._token, self._transport = token, transport

    async def chat(self, messages: Sequence[Message], conversation_id: str | None, temperature: float) -> AsyncIterator[ReplyEvent]:
        """Streams a reply: one ReplyStart, texts, one ReplyEnd. Closing the iterator aborts the reply at the model."""
        body = {"model": ALIAS, "messages": [m.model_dump() for m in messages], "stream": True, "temperature": temperature}
        headers = {"X-Conversation-Id": conversation_id} if conversation_id else {}
        seconds = settings().request_timeout_seconds + _CONNECT_SECONDS
        async with self._client(seconds) as client, client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            if response.is_error:
                await response.aread()
                raise error_of(response)
            yield ReplyStart(
                turn_id=response.headers["X-Turn-Id"],
                conversation_id=response.headers["X-Conversation-Id"],
                checkpoint_id=response.headers["X-Checkpoint-Id"],
            )
            async for event in _reply_events(response):
                yield event

    async def give_feedback(self, feedback: FeedbackRequest) -> FeedbackRow:
        return FeedbackRow.model_validate(await self._call("POST", "/v1/feedback", feedback.model_dump(mode="json")))

    async def me(self) -> Me:
        return Me.model_validate(await self._call("GET", "/v1/me"))

    async def feedback(self, status: FeedbackStatus | None = None) -> list[FeedbackRow]:
        """Newest first."""
        return await self._rows(FeedbackRow, f"/v1/feedback?status={status}" if status else "/v1/feedback")

    async def review(self, feedback_id: str, status: FeedbackStatus) -> FeedbackRow:
        return FeedbackRow.model_validate(await self._call("POST", f"/v1/feedback/{feedback_id}/review", {"status": status}))

    async def rounds(self) -> list[RoundRow]:
        """Newest first."""
        return await self._rows(RoundRow, "/v1/rounds")

    async def round(self, round_id: str) -> RoundDetail:
        return RoundDetail.model_validate(await self._call("GET", f"/v1/rounds/{round_id}"))

    async def start_round(self, recipe: str) -> RoundRow:
        return RoundRow.model_validate(await self._call("POST", "/v1/rounds", {"recipe": recipe}))

    async def cancel_round(self, round_id: str) -> RoundRow:
        return RoundRow.model_validate(await self._call("POST", f"/v1/rounds/{round_id}/cancel"))

    async def sign_off(self, round_id: str) -> RoundRow:
        return RoundRow.model_validate(await self._call("POST", f"/v1/rounds/{round_id}/signoff"))

    async def checkpoints(self) -> list[CheckpointRow]:
        """Oldest first."""
        return await self._rows(CheckpointRow, "/v1/checkpoints")

    async def exams(self) -> list[ExamRow]:
        """In the order in which the checkpoints were made."""
        return await self._rows(ExamRow, "/v1/checkpoints/exams")

    async def promote(self, checkpoint_id: str) -> CheckpointRow:
        return CheckpointRow.model_validate(await self._call("POST", f"/v1/checkpoints/{checkpoint_id}/promote"))

    async def audit(self) -> AuditPage:
        """The newest events first, and whether the chain of hashes holds."""
        return AuditPage.model_validate(await self._call("GET", "/v1/audit"))

    async def users(self) -> list[UserRow]:
        return await self._rows(UserRow, "/v1/users")

    async def keys(self) -> list[KeyRow]:
        return await self._rows(KeyRow, "/v1/keys")

    async def _rows(self, kind: type[Row], path: str) -> list[Row]:
        return [kind.model_validate(row) for row in (await self._call("GET", path))["data"]]

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        async with self._client(_ANSWER_SECONDS) as client:
            response = await client.request(method, path, json=body)
        if response.is_error:
            raise error_of(response)
        return response.json()

    @asynccontextmanager
    async def _client(self, seconds: float) -> AsyncIterator[httpx.AsyncClient]:
        """For one call, which begins here: its id is on every log line about it, and its trace goes on in the gateway."""
        request_id = uuid4().hex[:16]
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            with outgoing("gateway", {"request.id": request_id}) as trace:
                async with httpx.AsyncClient(
                    base_url=own_address(),
                    headers={"X-Request-Id": request_id, **bearer, **trace},
                    timeout=httpx.Timeout(seconds, connect=_CONNECT_SECONDS),
                    transport=self._transport,
                    verify=_tls(),
                    trust_env=False,  # we talk to ourselves: a proxy of the environment has no part in it
                ) as client:
                    yield client
        except httpx.TimeoutException as error:
            raise Unavailable("The server took too long to answer; please try again") from error
        except httpx.TransportError as error:
            raise Unavailable("The server does not answer; please try again shortly") from error


def own_address() -> str:
    """Where this process reaches its own gateway; the public address may lead through a proxy that it cannot reach itself."""
    host = settings().host
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{local}:{settings().port}"


def error_of(response: httpx.Response) -> AppError:
    """The error that a refusal of the gateway (body read) stands for."""
    try:
        message = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"The server answered with status {response.status_code}"
    kind = _ERRORS.get(response.status_code) or (Unavailable if response.status_code >= 500 else BadInput)
    return kind(message)


def event_in(line: str) -> dict[str, Any] | None:
    """The event that a line of a stream of ours carries, if it carries one. Raises Unavailable for the error that a stream ends with."""
    if not line.startswith("data: ") or line == "data: [DONE]":
        return None
    event: dict[str, Any] = json.loads(line.removeprefix("data: "))
    if "error" in event:
        raise Unavailable(str(event["error"]["message"]))
    return event


async def _reply_events(response: httpx.Response) -> AsyncIterator[ReplyEvent]:
    async for line in response.aiter_lines():
        if (event := event_in(line)) is None:
            continue
        choice = event["choices"][0]
        if text := choice["delta"].get("content"):
            yield ReplyText(text=text)
        if "balancedbio" in event:
            yield ReplyEnd(extension=Extension.model_validate(event["balancedbio"]), finish_reason=choice["finish_reason"])
            return
    raise Unavailable("The reply ended early; please try again")


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes 30 ms; a client is made for every call.
    return ssl.create_default_context()
