"""Signing in and out, and choosing a password: three small pages without scripts.

A one-time password opens a session that can do nothing but choose a new password: `app.gateway.auth` refuses everything else.
"""

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.gateway import sessions
from app.gateway.auth import Caller, check_same_origin, identify
from app.gateway.body import read_form
from app.gateway.passwords import MIN_LENGTH, check_new_password, hash_password, password_matches
from app.gateway.throttle import Throttle
from core import audit, store
from core.db import reading, unit_of_work
from core.errors import AppError, BadInput, NotSignedIn
from core.logging import get_logger
from core.settings import settings
from core.tables import User

router = APIRouter(include_in_schema=False)

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


@router.get("/login")
async def login_page(request: Request) -> Response:
    return login_form(200, next=inside(request.query_params.get("next")))


@router.post("/login")
async def login(request: Request) -> Response:
    """Opens a session, or shows the form again with the reason."""
    form: dict[str, str] = {}
    try:
        check_same_origin(request)
        form = await read_form(request)
        user = await run_sync(_sign_in, request, form.get("name", "").strip(), form.get("password", ""), limiter=sign_in_limiter(request))
    except AppError as error:
        return login_form(error.status, error=str(error), name=form.get("name", "")[:80], next=inside(form.get("next")))
    target = inside(form.get("next"))
    return with_session(RedirectResponse(f"/password?{urlencode({'next': target})}" if user.must_change_password else target, status_code=303), user)


@router.post("/logout")
async def logout(request: Request) -> Response:
    check_same_origin(request)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(sessions.COOKIE)
    return response


@router.get("/logout")
async def logout_page() -> Response:
    """A link cannot sign anybody out (any site could place one); this page asks with a button."""
    return _page("logout.html", 200)


@router.get("/password")
async def password_page(request: Request) -> Response:
    try:
        caller = await run_sync(_in_session, request)
    except NotSignedIn:
        return RedirectResponse("/login?next=/password", status_code=303)
    return _page(
        "password.html", 200, is_first=caller.must_change_password, name=caller.name, min_length=MIN_LENGTH, next=inside(request.query_params.get("next"))
    )


@router.post("/password")
async def change_password(request: Request) -> Response:
    """Replaces the password; every other session of the user ends with the old one."""
    form: dict[str, str] = {}
    caller: Caller | None = None
    try:
        caller = await run_sync(_in_session, request)
        form = await read_form(request)
        user = await run_sync(_change, request, caller, form, limiter=sign_in_limiter(request))
    except NotSignedIn:
        return RedirectResponse("/login?next=/password", status_code=303)
    except AppError as error:
        is_first = caller is not None and caller.must_change_password
        name = caller.name if caller else ""
        return _page("password.html", error.status, error=str(error), is_first=is_first, name=name, min_length=MIN_LENGTH, next=inside(form.get("next")))
    return with_session(RedirectResponse(inside(form.get("next")), status_code=303), user)


def _sign_in(request: Request, name: str, password: str) -> User:
    throttle, key = _throttle(request), _throttle_key(request, name)
    throttle.attempt(key)
    with reading() as session:
        user = store.find_user(session, name)
    if not password_matches(user.password_hash if user else None, password) or user is None or not user.active:
        get_logger("login").warning("login failed", address=key.split(" ")[0])
        raise NotSignedIn("Name or password is wrong")
    throttle.succeeded(key)
    with unit_of_work() as session:
        audit.record(session, user.name, "session.open", user.id)
    return user


def _change(request: Request, caller: Caller, form: dict[str, str]) -> User:
    throttle, key = _throttle(request), _throttle_key(request, caller.name)
    throttle.attempt(key)
    with reading() as session:
        stored = store.get_user(session, caller.name).password_hash
    old, new = form.get("old", ""), form.get("new", "")
    if not password_matches(stored, old):
        raise BadInput("The present password is wrong")
    throttle.succeeded(key)
    check_new_password(old, new, form.get("repeated", ""))
    hashed = hash_password(new)
    with unit_of_work() as session:
        user = store.get_user(session, caller.name)
        user.password_hash, user.must_change_password = hashed, False
        audit.record(session, user.name, "password.change", user.id)
    return user


def _in_session(request: Request) -> Caller:
    """The person in front of the browser; an API key is not one."""
    if sessions.COOKIE not in request.cookies or "authorization" in request.headers:
        raise NotSignedIn("Sign in first")
    return identify(request)


def with_session(response: Response, user: User) -> Response:
    """The response, with which the user is signed in."""
    sessions.set_cookie(response, sessions.COOKIE, sessions.new_session(user), settings().session_hours * 3600)
    return response


def inside(target: str | None) -> str:
    """Where to go next, if it is a path of ours: a login form must not send people to another site."""
    is_path = target is not None and target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if is_path and target else "/chat"


def _throttle(request: Request) -> Throttle:
    found: Throttle = request.app.state.login_throttle
    return found


def sign_in_limiter(request: Request) -> CapacityLimiter:
    """Each check of a password takes 64 MB and a core for a moment: a crowd at the door waits, and everybody inside goes on."""
    found: CapacityLimiter = request.app.state.login_limiter
    return found


def _throttle_key(request: Request, name: str) -> str:
    return f"{request.client.host if request.client else 'unknown'} {name.lower()[:80]}"


def login_form(status: int, **values: object) -> HTMLResponse:
    """The form for a name and a password, and the way to the organisation's sign-in where there is one."""
    return _page("login.html", status, organisation=bool(settings().oidc_issuer), **values)


def _page(template: str, status: int, **values: object) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(template).render(**values), status_code=status, headers=_HEADERS)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
