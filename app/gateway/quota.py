"""How much one API key, or one person's sessions together, may ask within a minute: requests and tokens.

A route that costs the model server something names `Quota` among its parameters in place of a caller: that is all it takes to be limited, and key
and limits are looked up in one thread, as each change of threads costs a busy machine milliseconds. What was used is known
when the reply has been given, so tokens are counted then, and the next request is refused when the minute's are used up: together with
what ran at the same time a key may go over by the replies that were under way. A reply that its client abandons reports no tokens: that costs a
request alone.
"""

from collections.abc import Iterator
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends
from limits import RateLimitItem, RateLimitItemPerMinute
from starlette.requests import Request

from app.gateway.auth import Caller, requires
from app.gateway.windows import Standing, Windows
from core.errors import TooManyRequests
from core.settings import settings
from core.states import Scope

_chatting = requires(Scope.CHAT)


class Allowance:
    """What is left to one caller. Made by `admit`, once for each request."""

    def __init__(self, windows: Windows, caller: Caller) -> None:
        self.caller = caller
        self._windows, self._credential = windows, caller.credential
        self._requests = _per_minute("requests", settings().requests_per_minute)
        self._tokens = _per_minute("tokens", settings().tokens_per_minute)

    def enter(self, headers: dict[str, str]) -> None:
        """Counts one request and tells in `headers` what is left. Raises TooManyRequests; a refused request is not counted."""
        for limit, standing in self._standings():
            headers |= _told(limit, standing)
            if not standing.admitted:
                kind = limit.namespace
                raise TooManyRequests(f"The limit of {limit.amount} {kind} a minute is reached; try again in {standing.seconds} seconds", standing.seconds)

    async def spend(self, tokens: int) -> None:
        """Counts what a reply has used."""
        if self._tokens and tokens:
            await run_sync(self._windows.add, self._tokens, self._credential, tokens)

    def _standings(self) -> Iterator[tuple[RateLimitItem, Standing]]:
        # Tokens first: who has none left does not lose a request by asking.
        if self._tokens:
            yield self._tokens, self._windows.standing(self._tokens, self._credential)
        if self._requests:
            yield self._requests, self._windows.take(self._requests, self._credential)


def admit(request: Request) -> Allowance:
    """A dependency: lets in who may chat and has something left, or refuses. The answer carries the headers either way (`app.gateway.request_log`)."""
    allowance = Allowance(request.app.state.windows, _chatting(request))
    headers: dict[str, str] = {}
    request.state.headers = headers
    allowance.enter(headers)
    return allowance


Quota = Annotated[Allowance, Depends(admit)]


def _per_minute(kind: str, amount: int) -> RateLimitItem | None:
    return RateLimitItemPerMinute(amount, namespace=kind) if amount else None


def _told(limit: RateLimitItem, standing: Standing) -> dict[str, str]:
    """OpenAI's headers; "reset" is when more is free, in its form of a duration."""
    kind = limit.namespace
    return {
        f"x-ratelimit-limit-{kind}": str(limit.amount),
        f"x-ratelimit-remaining-{kind}": str(standing.remaining),
        f"x-ratelimit-reset-{kind}": f"{standing.seconds}s",
    }
