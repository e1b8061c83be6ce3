"""Reading request bodies: the one place that decides how large they may be, and that they are UTF-8 and JSON.

Not left to the framework, because it reads a body of any size into memory first and answers invalid UTF-8 without saying so.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.gateway.wire import plain_text
from core.errors import BadInput, TooLarge
from core.settings import settings

T = TypeVar("T", bound=BaseModel)


async def read_text(request: Request) -> str:
    """The body as text. Raises TooLarge as soon as the limit is passed, BadInput when it is not UTF-8."""
    limit = settings().max_request_bytes
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise too_large(limit)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"The request body is not valid UTF-8 (byte {error.start})") from error


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises BadInput when it is anything else."""
    text = await read_text(request)
    if not text.strip():
        raise BadInput("The request body is empty; send a JSON object")
    try:
        payload = json.loads(text, parse_constant=_no_constant)
        # An escaped half of a surrogate pair is legal JSON but no text: no database would take it.
        json.dumps(payload, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadInput("The request body holds half a surrogate pair, which is not valid Unicode") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The request body is not valid JSON: {error}") from error
    if not isinstance(payload, dict):
        raise BadInput("The request body must be a JSON object")
    return payload


async def read_form(request: Request) -> dict[str, str]:
    """The fields of an HTML form; of a repeated field the last one counts."""
    try:
        form = dict(parse_qsl(await read_text(request), keep_blank_values=True, max_num_fields=20, errors="strict"))
    except ValueError as error:
        raise BadInput("The form could not be read") from error
    for value in form.values():
        try:
            plain_text(value)
        except ValueError as error:
            raise BadInput(f"A field of the form {error}") from error
    return form


def json_body(model: type[T]) -> Callable[[Request], Awaitable[T]]:
    """A dependency that gives the body as a `model`."""

    async def parse(request: Request) -> T:
        try:
            return model.model_validate(await read_json(request))
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_url=False, include_input=False, include_context=False)) from error

    parse.body_model = model  # type: ignore[attr-defined]  # FastAPI sees only the function; `app.gateway.openapi` reads what it parses
    return parse


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request is larger than {limit} bytes")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
