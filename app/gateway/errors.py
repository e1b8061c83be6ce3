"""Every error becomes an answer here, in OpenAI's shape: {"error": {"message", "type", "param", "code"}}."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from core.errors import AppError
from core.logging import correlation_id, get_logger

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 409: "conflict_error", 429: "rate_limit_error"}


def handle_errors(app: FastAPI) -> None:
    """Registers the handlers. Nothing else in the gateway turns an error into an answer."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _unexpected)


def error_body(status: int, message: str, code: str, param: str | None = None) -> dict[str, Any]:
    """The error object, also for an error in the middle of a stream."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(error: AppError) -> JSONResponse:
    """The answer for an error that we expected to be able to happen."""
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_body(error.status, str(error), error.code), status_code=error.status, headers=headers)


def _app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    if error.status >= 500:
        get_logger("gateway").warning("request failed", path=request.url.path, code=error.code, reason=str(error))
    return error_response(error)


def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    # "body" and "path" say where FastAPI found the field, which the caller knows; a part with brackets names a type of ours.
    named = (str(part) for part in first["loc"] if part not in ("body", "path", "query", "header"))
    param = ".".join(part for part in named if "[" not in part) or None
    reason = str(first["msg"]).removeprefix("Value error, ")
    return JSONResponse(error_body(400, f"{param}: {reason}" if param else reason, "invalid_request", param), status_code=400)


def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    message = f"There is no {request.method} {request.url.path}" if error.status_code in (404, 405) else str(error.detail)
    return JSONResponse(error_body(error.status_code, message, code), status_code=error.status_code, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """A defect of ours: the log has the trace, the caller gets the id to quote."""
    get_logger("gateway").error("unexpected error", path=request.url.path, exc_info=error)
    return JSONResponse(
        error_body(500, f"Something went wrong on our side; quote the id {correlation_id.get() or 'unknown'}", "internal_error"), status_code=500
    )
