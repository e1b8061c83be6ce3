"""Browser sessions as signed tokens: nothing is kept on the server, and a changed password ends every session of its user."""

from datetime import timedelta

import jwt
from starlette.responses import Response

from core.errors import NotSignedIn
from core.settings import settings
from core.tables import User, utc_now
from core.types import content_hash

COOKIE = "bb_session"
_ALGORITHM = "HS256"


def new_session(user: User) -> str:
    """A token that proves to be `user` for `session_hours`, or until the password changes."""
    claims = {"sub": user.name, "pw": _fingerprint(user), "exp": utc_now() + timedelta(hours=settings().session_hours)}
    return jwt.encode(claims, settings().secret_key.get_secret_value(), algorithm=_ALGORITHM)


def session_user(token: str) -> tuple[str, str]:
    """The user's name and the fingerprint of the password it was made with. Raises NotSignedIn when forged or expired."""
    try:
        claims = jwt.decode(token, settings().secret_key.get_secret_value(), algorithms=[_ALGORITHM], options={"require": ["sub", "pw", "exp"]})
    except jwt.PyJWTError as error:
        raise NotSignedIn("The session is not valid or has ended; sign in again") from error
    return claims["sub"], claims["pw"]


def belongs_to(fingerprint: str, user: User) -> bool:
    """Whether the session was made with the user's present password."""
    return fingerprint == _fingerprint(user)


def set_cookie(response: Response, name: str, value: str, seconds: int, path: str = "/") -> None:
    """Out of reach of scripts and of other sites' forms, and on HTTPS alone where that is how users come."""
    is_https = settings().secure_cookies or settings().public_url.startswith("https://")
    response.set_cookie(name, value, max_age=seconds, path=path, httponly=True, samesite="lax", secure=is_https)


def _fingerprint(user: User) -> str:
    return content_hash(user.password_hash)[:16]
