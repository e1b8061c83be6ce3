"""Around every request: a correlation id, headers that are always right, one log line, one count. Plain ASGI, so streams stay streams."""

import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway import metrics
from core.logging import correlation_id, get_logger

_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """A caller may bring its own X-Request-Id; it comes back with the answer and is on every log line of the request.

    What a handler leaves in `request.state.headers` goes out with the answer, also when that is an error.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        brought = Headers(scope=scope).get("x-request-id", "")
        request_id = brought if _ID.fullmatch(brought) else uuid4().hex[:16]
        correlation_id.set(request_id)
        started, status = time.monotonic(), 499  # nginx's number for "the client went away"

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.update(scope.get("state", {}).get("headers", {}))
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("X-Frame-Options", "SAMEORIGIN")
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            route = _route(scope)
            metrics.requests.labels(scope["method"] if scope["method"] in _METHODS else "other", route, status).inc()
            if route not in _QUIET and not route.startswith("page "):
                get_logger("request").info("request", method=scope["method"], path=scope["path"], status=status, ms=round((time.monotonic() - started) * 1000))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _route(scope: Scope) -> str:
    """The route's template; a path as asked for would make a label of whatever anybody types."""
    for page in ("/chat", "/admin"):
        if scope["path"] == page or scope["path"].startswith(f"{page}/"):
            return f"page {page}"
    return str(getattr(scope.get("route"), "path", "none"))
