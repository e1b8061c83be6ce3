"""Around every request: a correlation id, headers that are always right, one log line, one count, one span. Plain ASGI, so streams stay streams."""

import re
import time
from contextlib import AbstractContextManager, nullcontext
from uuid import uuid4

from opentelemetry.trace import INVALID_SPAN, Span, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway import metrics
from core.logging import correlation_id, get_logger
from core.tracing import span

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

        with _span(scope, request_id) as current:
            try:
                await self._app(scope, receive, send_with_headers)
            except ClientDisconnect:  # while it sent its body: nobody is left to answer, and it is no defect
                pass
            except Exception:  # whatever a defect raises is counted as the 500 that it becomes
                status = 500  # answered further out, by `app.gateway.errors`
                raise
            finally:
                route, method = _route(scope), scope["method"] if scope["method"] in _METHODS else "other"
                metrics.requests.labels(method, route, status).inc()
                current.update_name(f"{method} {route}")
                if status >= 500:
                    current.set_status(StatusCode.ERROR)
                current.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
                if not _is_quiet(scope["path"]):
                    ms = round((time.monotonic() - started) * 1000)
                    get_logger("request").info("request", method=method, route=route, status=status, ms=ms)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _span(scope: Scope, request_id: str) -> AbstractContextManager[Span]:
    """None for a page's own traffic: Gradio's queue would keep the span of its first request for whatever follows."""
    if _is_quiet(scope["path"]):
        return nullcontext(INVALID_SPAN)
    return span("request", {"request.id": request_id}, parent=Headers(scope=scope))


def _is_quiet(path: str) -> bool:
    return path in _QUIET or _page(path) is not None


def _route(scope: Scope) -> str:
    """The route's template; a path as asked for would make a label of whatever anybody types."""
    page = _page(scope["path"])
    return f"page {page}" if page else str(getattr(scope.get("route"), "path", "none"))


def _page(path: str) -> str | None:
    return next((page for page in ("/chat", "/admin") if path == page or path.startswith(f"{page}/")), None)
