"""GET /openapi.json: the API as programs read it, made from the routes. No page is drawn of it: any viewer of OpenAPI can."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request

router = APIRouter()

_MODEL_AT = "#/components/schemas/{model}"
_ERRORS = {
    "400": "The request is wrong; the message says what, `param` where",
    "401": "No valid key",
    "403": "Not this caller's to do",
    "404": "It does not exist, or is somebody else's",
    "405": "The path knows other methods",
    "409": "Its state forbids it",
    "413": "Larger than the limit that the message names",
    "429": "Too often; Retry-After says when again",
    "500": "A defect of ours; the message has an id that leads to its trace in the log",
    "503": "A part is away; Retry-After says when to try again",
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}
_OPEN = ("/healthz", "/readyz", "/metrics")
"""Paths that ask for no key."""


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    app: FastAPI = request.app
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    routes = [r for r in app.routes if isinstance(r, APIRoute) and (r.path.startswith("/v1/") or r.path in _OPEN)]
    found = get_openapi(title=app.title, version=app.version, description="OpenAI-compatible; errors have OpenAI's shape.", routes=routes)
    parts = found.setdefault("components", {})
    # Without FastAPI's own shape of an error, which nothing here answers with.
    schemas = parts["schemas"] = {n: s for n, s in parts.get("schemas", {}).items() if n not in ("ValidationError", "HTTPValidationError")} | {"Error": _ERROR}
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for route, operation in _operations(routes, found["paths"]):
        operation["responses"].pop("422", None)
        if route.path in _OPEN:
            continue
        operation["security"] = [{"key": []}]
        operation["responses"] |= {
            status: {"description": text, "content": {"application/json": {"schema": {"$ref": _MODEL_AT.format(model="Error")}}}}
            for status, text in _ERRORS.items()
        }
        if body := _body_of(route):
            schema = body.model_json_schema(ref_template=_MODEL_AT)
            schemas |= schema.pop("$defs", {}) | {body.__name__: schema}
            content = {"application/json": {"schema": {"$ref": _MODEL_AT.format(model=body.__name__)}}}
            operation["requestBody"] = {"required": True, "content": content}
    return found


def _operations(routes: list[APIRoute], paths: dict[str, Any]) -> Iterator[tuple[APIRoute, dict[str, Any]]]:
    for route in routes:
        for method in route.methods:
            if operation := paths.get(route.path, {}).get(method.lower()):
                yield route, operation


def _body_of(route: APIRoute) -> type[BaseModel] | None:
    """The model that `json_body` reads: FastAPI does not see it, as it takes the request as it is."""
    models = (getattr(part.call, "body_model", None) for part in route.dependant.dependencies)
    return next((m for m in models if m), None)
