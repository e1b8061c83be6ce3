"""Users and their API keys."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core.errors import BadInput, Conflict, NotFound, NotSignedIn
from core.states import Role, Scope
from core.tables import ApiKey, User, utc_now

# Each request asks it; making the statement anew takes longer than asking.
_BY_DIGEST = select(ApiKey, User).join(User, User.id == ApiKey.user_id).where(ApiKey.digest == bindparam("digest"))


def add_user(session: Session, name: str, role: Role, password_hash: str, must_change_password: bool = True, subject: str | None = None) -> User:
    if not name.strip() or len(name) > 80:
        raise BadInput("A user name has 1 to 80 characters")
    if find_user(session, name):
        raise Conflict(f"There is already a user {name!r}")
    user = User(name=name, role=role, password_hash=password_hash, must_change_password=must_change_password, subject=subject)
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, name: str) -> User | None:
    return session.scalars(select(User).where(User.name == name)).first()


def find_member(session: Session, subject: str) -> User | None:
    """The user whom the organisation's sign-in calls so."""
    return session.scalars(select(User).where(User.subject == subject)).first()


def get_user(session: Session, name: str) -> User:
    if user := find_user(session, name):
        return user
    raise NotFound(f"There is no user {name!r}")


def list_users(session: Session) -> Sequence[User]:
    return session.scalars(select(User).order_by(User.name)).all()


def add_api_key(session: Session, user: User, label: str, scopes: Sequence[Scope], expires_at: datetime | None = None) -> str:
    """Returns the key in clear, once; only its hash is kept."""
    if not label.strip() or len(label) > 80:
        raise BadInput("The label of a key has 1 to 80 characters")
    key = f"bb-{secrets.token_urlsafe(32)}"
    session.add(ApiKey(user_id=user.id, label=label, digest=_digest(key), scopes=[str(s) for s in scopes], expires_at=expires_at))
    session.flush()
    return key


def find_api_key(session: Session, key: str) -> tuple[ApiKey, User]:
    """The live key and its active owner. Raises NotSignedIn, without saying what was wrong."""
    row = session.execute(_BY_DIGEST, {"digest": _digest(key)}).first()
    if row is None or row.ApiKey.revoked_at or not row.User.active or (row.ApiKey.expires_at and row.ApiKey.expires_at < utc_now()):
        raise NotSignedIn("The API key is not valid")
    return row.ApiKey, row.User


def list_api_keys(session: Session) -> Sequence[tuple[ApiKey, User]]:
    rows = session.execute(select(ApiKey, User).join(User, User.id == ApiKey.user_id).order_by(ApiKey.created_at))
    return [(row.ApiKey, row.User) for row in rows]


def revoke_api_key(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        if key_id.startswith("bb-"):  # never repeated: it opens doors until it is revoked
            raise BadInput("That is a key, not its id; `balancedbio key list` shows the ids")
        raise NotFound(f"There is no key {key_id!r}; `balancedbio key list` shows the ids")
    key.revoked_at = key.revoked_at or utc_now()
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
