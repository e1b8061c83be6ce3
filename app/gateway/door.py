"""The door before the Gradio pages: who has no session is sent to /login, who has a one-time password to /password.

A middleware rather than Gradio's own check, because that one answers 401 with JSON where a person expects a login form.
"""

from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway.auth import Caller, check_may, identify
from app.gateway.body import too_large
from app.gateway.errors import error_response
from core.errors import AppError, NotAllowed, NotSignedIn
from core.settings import settings
from core.states import Scope as Permission

PAGES = {"/chat": Permission.CHAT, "/admin": Permission.REVIEW}
"""Path of each mounted page, and what its visitors must be allowed."""
_GONE: Message = {"type": "http.disconnect"}


class Door:
    """Lets callers through to the pages they may use; `visitor` tells the page who it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = next((p for p in PAGES if scope["type"] in ("http", "websocket") and (scope["path"] == p or scope["path"].startswith(f"{p}/"))), None)
        if page is None:
            await self._app(scope, receive, send)
            return
        try:
            caller = await run_sync(_admitted, HTTPConnection(scope), page)
        except NotSignedIn as error:
            await _to("/login", scope, error)(scope, receive, send)
            return
        except AppError as error:
            await error_response(error)(scope, receive, send)
            return
        if caller.must_change_password:
            await _to("/password", scope, NotAllowed("Choose a new password first, at /password"))(scope, receive, send)
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self._within_limit(scope, receive, send)

    async def _within_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 413 as soon as the body is larger than it may be. To the page, which would read one of any size, its client then has gone away."""
        limit, read, is_over = settings().max_request_bytes, 0, False
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            await error_response(too_large(limit))(scope, receive, send)
            return

        async def count() -> Message:
            nonlocal read, is_over
            message = await receive() if not is_over else _GONE
            read += len(message.get("body", b""))
            if read <= limit or is_over:
                return message
            is_over = True
            await error_response(too_large(limit))(scope, receive, send)
            return _GONE

        async def pass_on(message: Message) -> None:
            if not is_over:
                await send(message)

        await self._app(scope, count, pass_on)


def _admitted(connection: HTTPConnection, page: str) -> Caller:
    caller = identify(connection)
    if not caller.must_change_password:
        check_may(connection, caller, PAGES[page], page)
    return caller


def visitor(request: Request) -> str | None:
    """Gradio's `auth_dependency`: the name of the caller whom the door let in."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.name if caller else None


def _to(form: str, scope: Scope, error: AppError) -> Response:
    """A person is shown the form, and comes back here afterwards; a program is told the error."""
    wants_page = scope.get("method") == "GET" and "text/html" in HTTPConnection(scope).headers.get("accept", "")
    return RedirectResponse(f"{form}?{urlencode({'next': scope['path']})}", status_code=303) if wants_page else error_response(error)
