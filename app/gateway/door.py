"""The door before the Gradio pages: who has no session is sent to /login, who has a one-time password to /password.

A middleware rather than Gradio's own check, because that one answers 401 with JSON where a person expects a login form.
"""

from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.gateway.auth import Caller, identify
from app.gateway.errors import error_response
from core.errors import AppError, NotAllowed, NotSignedIn
from core.types import Scope as Permission

PAGES = {"/chat": Permission.CHAT, "/admin": Permission.REVIEW}
"""Path of each mounted page, and what its visitors must be allowed."""


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
            scope.setdefault("state", {})["caller"] = await run_sync(_admit, HTTPConnection(scope), PAGES[page])
        except AppError as error:
            await _refusal(scope, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def visitor(request: Request) -> str | None:
    """Gradio's `auth_dependency`: the name of the caller whom the door let in."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.name if caller else None


class _MustChoosePassword(NotAllowed):
    """The session was opened with a one-time password."""


def _admit(connection: HTTPConnection, needed: Permission) -> Caller:
    caller = identify(connection)
    if caller.must_change_password:
        raise _MustChoosePassword("Choose a new password first, at /password")
    if not caller.may(needed):
        raise NotAllowed(f"{caller.name} may not open this page")
    return caller


def _refusal(scope: Scope, error: AppError) -> Response:
    connection = HTTPConnection(scope)
    wants_page = scope.get("method") == "GET" and "text/html" in connection.headers.get("accept", "")
    if wants_page and isinstance(error, NotSignedIn):
        return RedirectResponse(f"/login?{urlencode({'next': scope['path']})}", status_code=303)
    if wants_page and isinstance(error, _MustChoosePassword):
        return RedirectResponse(f"/password?{urlencode({'next': scope['path']})}", status_code=303)
    return PlainTextResponse(str(error), status_code=error.status) if wants_page else error_response(error)
