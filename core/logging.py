"""Structured logs (JSON to stderr), each event with the id of the request, round or checkpoint that it is about, and of the
trace that it belongs to.

Secrets are never bound, and known shapes are masked.
"""

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TextIO, cast

import structlog
from opentelemetry import trace

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")

# Our API keys, bearer tokens, browser sessions (JWT), and the password in a URL, which may itself hold a colon or an at sign.
_SECRET = re.compile(r"(bb-[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|((?i:Bearer )|\beyJ)[\w.~+/=-]+|(://[^/?#\s:@]*:)[^/?#\s]+(@)")


def _add_correlation(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if value := correlation_id.get():
        event["correlation_id"] = value
    if (context := trace.get_current_span().get_span_context()).is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
    return event


def _mask(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {k: _masked(v) for k, v in event.items()}


def _masked(value: Any) -> Any:
    """Containers keep their form; what is not plain JSON becomes text, because that is how it would be written."""
    if isinstance(value, Mapping):
        return {mask_secrets(str(k)): _masked(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float) else mask_secrets(str(value))


def mask_secrets(text: str) -> str:
    """Hides API keys, bearer tokens and passwords in URLs."""
    return _SECRET.sub(lambda m: f"{m[1] or m[2] or m[3]}***{m[4] or ''}", text)


class Forgiving:
    """A stream that may break: no request fails because the line about it could not be written.

    A supervisor whose disk was full closes its end of the pipe, and does not open it again while the process lives.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure_logging(level: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=level, format="%(message)s")
    # The clients log every request line at INFO, query strings and all; Authlib logs at DEBUG what only it may know.
    for noisy in ("httpx", "httpcore", "httpx2", "httpcore2", "authlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_correlation,
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Forgiving(sys.stderr))),
    )


def get_logger(name: str) -> Any:
    return structlog.get_logger(name)
