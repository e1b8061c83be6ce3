"""A reply that stops being made when nobody waits for it any more.

The framework runs a handler to its end even when the client has gone, which would keep the model server busy for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Connected(Response):
    """A response that is made by `work(send)` and cancelled when the client disconnects. `work` sends head and body itself."""

    def __init__(self, work: Callable[[Send], Awaitable[None]]) -> None:
        super().__init__()
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as cancel:
            watcher = asyncio.create_task(_cancel_when_gone(receive, cancel))
            try:
                await self._work(send)
            finally:
                watcher.cancel()


async def _cancel_when_gone(receive: Receive, cancel: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cancel.cancel()
