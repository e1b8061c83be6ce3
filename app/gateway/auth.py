"""Who is calling, and what they may do.

A session has the scopes of its user's role; an API key those it was made with, as far as its owner's role still has them. A cookie is
taken only where no other site can have made the browser send it: for reading, or when the request comes from our own origin.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from limits import RateLimitItemPerMinute
from starlette.requests import HTTPConnection, Request

from app.gateway import sessions
from app.gateway.windows import Windows
from core import audit, store
from core.db import reading, unit_of_work
from core.errors import NotAllowed, NotSignedIn
from core.settings import settings
from core.states import Role, Scope
from core.tables import User
from core.types import Value

SCOPES: dict[Role, frozenset[Scope]] = {
    Role.CLINICIAN: frozenset({Scope.CHAT, Scope.FEEDBACK}),
    Role.REVIEWER: frozenset({Scope.CHAT, Scope.FEEDBACK, Scope.REVIEW}),
    Role.ADMIN: frozenset(Scope),
}
_TRIED = RateLimitItemPerMinute(1, namespace="refused")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Caller(Value):
    """A user who proved to be one, with what this key or session may do."""

    user_id: str
    name: str
    role: Role
    scopes: frozenset[Scope]
    credential: str
    """Id of the API key, or of the user behind a session: what limits are counted by."""
    must_change_password: bool = False
    """A session made with a one-time password: it may choose a new one and do nothing else."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


def identify(connection: HTTPConnection) -> Caller:
    """The caller behind a bearer token or a session cookie. Reads the database. Raises NotSignedIn."""
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential.strip():
        return _by_key(credential.strip()) if credential.strip().startswith("bb-") else by_session(credential.strip())
    if cookie := connection.cookies.get(sessions.COOKIE):
        check_same_origin(connection)
        return by_session(cookie)
    raise NotSignedIn("Sign in, or send an API key as `Authorization: Bearer bb-...`")


def by_session(token: str) -> Caller:
    """The caller whose session this token is. Raises NotSignedIn."""
    name, fingerprint = sessions.session_user(token)
    with reading() as session:
        user = store.find_user(session, name)
    if user is None or not user.active or not sessions.belongs_to(fingerprint, user):
        raise NotSignedIn("The session is not valid or has ended; sign in again")
    return _caller(user, SCOPES[Role(user.role)], user.id, user.must_change_password)


def _by_key(key: str) -> Caller:
    with reading() as session:
        row, user = store.find_api_key(session, key)
    return _caller(user, frozenset(Scope(s) for s in row.scopes) & SCOPES[Role(user.role)], row.id, must_change_password=False)


def _caller(user: User, scopes: frozenset[Scope], credential: str, must_change_password: bool) -> Caller:
    return Caller(user_id=user.id, name=user.name, role=Role(user.role), scopes=scopes, credential=credential, must_change_password=must_change_password)


def check_same_origin(connection: HTTPConnection) -> None:
    """Refuses a change that a page of another site made this browser send (NotAllowed). Programs send no Origin."""
    origin = connection.headers.get("origin")
    if connection.scope.get("method") in _READING or origin is None:
        return
    # A proxy may change the host on the way; the address that users know is ours all the same.
    public = urlsplit(settings().public_url)
    if urlsplit(origin).netloc != connection.headers.get("host") and origin != f"{public.scheme}://{public.netloc}":
        raise NotAllowed("This request came from another site")


def check_may(connection: HTTPConnection, caller: Caller, scope: Scope, where: str) -> None:
    """Raises NotAllowed unless the caller may. The attempt is on record, once a minute for each place: nobody fills the trail by trying on."""
    if caller.may(scope):
        return
    windows: Windows = connection.app.state.windows
    if windows.take(_TRIED, f"{caller.credential} {where}").admitted:
        with unit_of_work() as session:
            audit.record(session, caller.name, "access.refused", where, needs=str(scope), credential=caller.credential)
    raise NotAllowed(f"This needs the scope {scope!s}, which {caller.name} does not have here")


def requires(scope: Scope) -> Callable[[Request], Caller]:
    """A dependency that gives the caller, or refuses. Runs in a worker thread, as it reads the database."""

    def caller(request: Request) -> Caller:
        found = identify(request)
        if found.must_change_password:
            raise NotAllowed("Choose a new password first, at /password")
        # The route's template: what somebody typed into a path is not for the trail.
        check_may(request, found, scope, f"{request.method} {request.scope['route'].path}")
        return found

    return caller


ChatCaller = Annotated[Caller, Depends(requires(Scope.CHAT))]
FeedbackCaller = Annotated[Caller, Depends(requires(Scope.FEEDBACK))]
ReviewCaller = Annotated[Caller, Depends(requires(Scope.REVIEW))]
AdminCaller = Annotated[Caller, Depends(requires(Scope.ADMIN))]
