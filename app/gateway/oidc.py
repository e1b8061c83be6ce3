"""Signing in through the organisation's OpenID provider: the authorization code flow with PKCE, state and nonce.

The protocol is Authlib's (docs/decisions/0022-oidc.md). Here is what is kept between the two halves of a sign-in (a signed cookie of ten
minutes, used once), what of the provider's answer is believed, and whose account it opens. Whatever is not as it should be lets nobody in.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import httpx2
import jwt
from anyio.to_thread import run_sync
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter
from joserfc.errors import JoseError
from limits import RateLimitItemPerMinute
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.gateway.login import inside, login_form, sign_in_limiter, with_session
from app.gateway.passwords import hash_password
from app.gateway.sessions import set_cookie
from app.gateway.windows import Windows
from core import audit, store
from core.db import lock_table, unit_of_work
from core.errors import AppError, NotAllowed, NotFound, NotSignedIn, Unavailable
from core.logging import get_logger
from core.settings import settings
from core.states import Role
from core.tables import User, utc_now
from core.types import content_hash

router = APIRouter(include_in_schema=False)

_PATH = "/login/oidc"
_COOKIE = "bb_sign_in"
_MINUTES = 10
_ONCE = RateLimitItemPerMinute(1, _MINUTES, namespace="oidc-state")
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 10.0
_SIGNED_BY_THE_PROVIDER = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"})
"""Never "none", and never the client secret as a key, whatever the provider's document offers."""


class Member(NamedTuple):
    """A person as the provider vouches for them."""

    subject: str
    """Issuer and subject: unlike a name, never given to anybody else."""
    label: str
    role: Role


class Provider:
    """The organisation's provider. Its document and keys are fetched when first needed; keys again when one is unknown."""

    def __init__(self) -> None:
        found = settings()
        assert found.oidc_client_secret is not None  # the settings see to it
        self._client = OAuth().register(
            "oidc",
            client_id=found.oidc_client_id,
            client_secret=found.oidc_client_secret.get_secret_value(),
            server_metadata_url=f"{found.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256", "timeout": _TIMEOUT_SECONDS},
        )

    async def ask(self, redirect_uri: str) -> dict[str, Any]:
        """Where to send the browser (`url`), and what to remember: `state`, `nonce`, `code_verifier`. Raises Unavailable."""
        with _refusals():
            await self._document()
            return dict(await self._client.create_authorization_url(redirect_uri))

    async def member(self, code: str, code_verifier: str, nonce: str, redirect_uri: str) -> Member:
        """Exchanges the code and believes the id token. Raises NotSignedIn, NotAllowed (no role), Unavailable."""
        believed = {"iss": settings().oidc_issuer, "aud": settings().oidc_client_id}
        with _refusals():
            await self._document()
            token = await self._client.fetch_access_token(code=code, code_verifier=code_verifier, redirect_uri=redirect_uri)
            claims = await self._client.parse_id_token(
                token, nonce, claims_options={name: {"essential": True, "value": value} for name, value in believed.items()}, leeway=_LEEWAY_SECONDS
            )
        if claims is None:
            raise _not_vouched("no id token")
        return _member(claims)

    async def _document(self) -> None:
        document = await self._client.load_server_metadata()
        if document.get("issuer") != settings().oidc_issuer:
            raise Unavailable(f"The provider at OIDC_ISSUER calls itself {document.get('issuer')!r}; set OIDC_ISSUER to exactly that, or to another provider")
        offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
        document["id_token_signing_alg_values_supported"] = sorted(_SIGNED_BY_THE_PROVIDER.intersection(offered)) or ["RS256"]


@router.get(_PATH)
async def begin(request: Request) -> Response:
    """Sends the browser to the provider."""
    target = inside(request.query_params.get("next"))
    try:
        asked = await _provider(request).ask(_redirect_uri())
    except Unavailable as error:
        return login_form(error.status, error=str(error), next=target)
    response = RedirectResponse(asked["url"], status_code=303)
    kept = {name: asked[name] for name in ("state", "nonce", "code_verifier")} | {"next": target}
    set_cookie(response, _COOKIE, _sealed(kept), _MINUTES * 60, path=_PATH)
    return response


@router.get(f"{_PATH}/callback")
async def finish(request: Request) -> Response:
    """The browser comes back: opens a session, or shows the form with the reason."""
    target = "/chat"
    try:
        provider = _provider(request)
        begun = await run_sync(_begun, request)
        target = inside(begun["next"])
        member = await provider.member(_code(request), begun["code_verifier"], begun["nonce"], _redirect_uri())
        user = await run_sync(_enter, member, limiter=sign_in_limiter(request))
    except AppError as error:
        # The cookie stays: another window may have begun a sign-in of its own meanwhile.
        return login_form(error.status, error=str(error), next=target)
    response = with_session(RedirectResponse(target, status_code=303), user)
    response.delete_cookie(_COOKIE, path=_PATH)
    return response


def _begun(request: Request) -> Mapping[str, str]:
    """What this browser began with, if it is this sign-in that comes back, for the first time. Raises NotSignedIn."""
    state = request.query_params.get("state", "")
    try:
        kept: dict[str, str] = _unsealed(request.cookies.get(_COOKIE, ""))
    except jwt.PyJWTError as error:
        raise NotSignedIn("This sign-in was not begun in this browser, or more than ten minutes ago; try again") from error
    windows: Windows = request.app.state.windows
    if not secrets.compare_digest(kept["state"].encode(), state.encode()) or not windows.take(_ONCE, content_hash(state)).admitted:
        raise NotSignedIn("This sign-in is not the one that was begun here, or has been used; try again")
    return kept


def _code(request: Request) -> str:
    if code := request.query_params.get("code"):
        return code
    raise _not_vouched("refused by the provider")


def _sealed(values: Mapping[str, str]) -> str:
    claims = {**values, "aud": _COOKIE, "exp": utc_now() + timedelta(minutes=_MINUTES)}
    return jwt.encode(claims, settings().secret_key.get_secret_value(), algorithm="HS256")


def _unsealed(cookie: str) -> dict[str, str]:
    needed = ["exp", "aud", "state", "nonce", "code_verifier", "next"]
    return jwt.decode(cookie, settings().secret_key.get_secret_value(), algorithms=["HS256"], audience=_COOKIE, options={"require": needed})


def _member(claims: Mapping[str, Any]) -> Member:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise _not_vouched("a subject that is no plain text")
    given = claims.get(settings().oidc_role_claim)
    values = {value for value in (given if isinstance(given, list) else [given]) if isinstance(value, str)}
    meant = {role for value, role in settings().oidc_roles.items() if value in values}
    if not meant:
        get_logger("login").warning("login failed", reason="no role", subject=subject)
        raise NotAllowed("Your organisation has not given you a role here; ask those who run BalancedBio for one")
    names = (claims.get(name) for name in ("preferred_username", "email", "sub"))
    label = next(name for name in names if isinstance(name, str) and name.isprintable() and name)
    return Member(f"{settings().oidc_issuer} {subject}", label, [role for role in Role if role in meant][-1])


def _enter(member: Member) -> User:
    """The member's account, made at the first sign-in; the role is what the organisation says today. Raises NotAllowed when it was closed."""
    # A password that nobody knows: the form for names and passwords stays shut, as slowly as for a wrong one. Made before anything is locked.
    unknown = hash_password(secrets.token_urlsafe(32))
    with unit_of_work() as session:
        lock_table(session, User)  # two first sign-ins at once must not make two
        user = store.find_member(session, member.subject)
        if user is None:
            user = store.add_user(session, _free_name(session, member), member.role, unknown, must_change_password=False, subject=member.subject)
            audit.record(session, "oidc", "user.added", user.name, role=str(member.role), known_as=member.subject)
        if not user.active:
            get_logger("login").warning("login failed", reason="deactivated", user=user.name)
            raise NotAllowed("Your access has been closed; ask those who run BalancedBio")
        if user.role != member.role:
            before, user.role = str(user.role), member.role
            audit.record(session, "oidc", "user.role", user.name, before=before, after=str(member.role))
        audit.record(session, user.name, "session.open", user.id, by="oidc")
    return user


def _free_name(session: Session, member: Member) -> str:
    """What people read. Who somebody is, their subject says: whoever is called like somebody else gets another name, never their account."""
    name = f"oidc:{member.label[:60]}"
    return name if store.find_user(session, name) is None else f"{name}-{content_hash(member.subject)[:8]}"


@contextmanager
def _refusals() -> Iterator[None]:
    """What goes wrong between us and the provider, as an error of ours. What the provider or a browser wrote is neither shown nor logged."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise Unavailable("The sign-in of your organisation does not answer; try again shortly") from error
    except (AuthlibBaseError, JoseError, ValueError) as error:
        raise _not_vouched(type(error).__name__) from error


def _not_vouched(reason: str) -> NotSignedIn:
    get_logger("login").warning("login failed", reason=reason, by="oidc")
    return NotSignedIn("Your organisation did not vouch for you; try again")


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.provider
    if found is None:
        raise NotFound("No organisation is set up to sign in with")
    return found


def _redirect_uri() -> str:
    return f"{settings().address.rstrip('/')}{_PATH}/callback"
