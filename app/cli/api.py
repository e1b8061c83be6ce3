"""The running stack, over its own HTTP API, with this machine's key. Errors come back as the errors of `core.errors`."""

import os
from collections.abc import Iterator
from typing import Any

import httpx

from app.api_client import error_of, event_in, own_address
from app.stack import layout
from core.errors import NotSignedIn, Unavailable
from core.settings import settings


def get(path: str, **query: Any) -> Any:
    """JSON of `GET /v1/path`."""
    return _call("GET", path, params={k: v for k, v in query.items() if v is not None})


def post(path: str, body: dict[str, Any] | None = None) -> Any:
    """JSON of `POST /v1/path`."""
    return _call("POST", path, json=body or {})


def stream(path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer, as JSON."""
    with _client() as client:
        try:
            with client.stream("POST", path, json=body) as answer:
                if answer.is_error:
                    answer.read()
                    raise error_of(answer)
                for line in answer.iter_lines():
                    if event := event_in(line):
                        yield event
        except httpx.HTTPError as error:
            raise _unreachable(error) from error


def _call(method: str, path: str, **options: Any) -> Any:
    with _client() as client:
        try:
            answer = client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
    if answer.is_error:
        raise error_of(answer)
    return answer.json()


def _client() -> httpx.Client:
    return httpx.Client(
        base_url=f"{own_address()}/v1/",
        headers={"Authorization": f"Bearer {_key()}"},
        timeout=settings().request_timeout_seconds,
        trust_env=False,
    )


def _key() -> str:
    if key := os.environ.get("BALANCEDBIO_API_KEY"):
        return key
    try:
        return layout.key_file().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotSignedIn("No API key here: start the stack with `balancedbio up`, or set BALANCEDBIO_API_KEY") from error


def _unreachable(error: httpx.HTTPError) -> Unavailable:
    if isinstance(error, httpx.ConnectError):
        return Unavailable(f"BalancedBio does not answer at {own_address()}; start it with `balancedbio up`")
    return Unavailable(f"BalancedBio did not finish its answer ({type(error).__name__}); try again")
