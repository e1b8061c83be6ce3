"""What only the first start does: a secret, the schema, the first admin, a key for this machine's commands. Safe to repeat."""

import os
import secrets
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.gateway import passwords
from app.stack import layout
from core import audit, db, store
from core.errors import BadInput, NotSignedIn, Unavailable
from core.settings import settings
from core.states import Role, Scope

ADMIN = "admin"
_ENV = Path(".env")


class Access(NamedTuple):
    admin: str
    password: str | None
    """The one-time password, on the first start only."""
    key: str
    key_is_new: bool
    password_is_pending: bool
    """The one-time password, whenever it was shown, has not been replaced yet."""


def ensure_secret() -> bool:
    """Gives `.env` a random SECRET_KEY where neither it nor the environment has one. Returns whether it did."""
    if has_secret():
        return False
    is_new = not _ENV.exists()
    try:
        descriptor = os.open(_ENV, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            if is_new:
                stream.write("# Settings of this installation; `balancedbio doctor --settings` lists them all. Keep this file private.\n")
            stream.write(f"{'' if is_new else chr(10)}SECRET_KEY={secrets.token_urlsafe(48)}\n")
    except OSError as error:
        raise BadInput(f"Could not write {_ENV.resolve()}: {error.strerror}. Set SECRET_KEY in the environment instead") from error
    settings.cache_clear()
    return True


def has_secret() -> bool:
    if os.environ.get("SECRET_KEY"):
        return True
    try:
        lines = _ENV.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return any(line.replace("export ", "").strip().upper().startswith("SECRET_KEY=") for line in lines)


def ensure_schema() -> None:
    """Creates the data folder and brings the database to the newest version. Raises Unavailable when it does not answer."""
    try:
        layout.data_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
        db.migrate()
    except OperationalError as error:
        raise Unavailable(f"The database does not answer ({error.orig}); check DATABASE_URL") from error
    except OSError as error:
        raise BadInput(f"The data folder {layout.data_dir()} cannot be used: {error.strerror}; choose another with DATA_DIR") from error


def ensure_access() -> Access:
    """The first admin and this machine's key, made where they are missing."""
    password = None
    with db.unit_of_work() as session:
        admins = [u for u in store.list_users(session) if u.role == Role.ADMIN and u.active]
        if not admins:
            password = passwords.one_time_password()
            name = ADMIN if store.find_user(session, ADMIN) is None else f"{ADMIN}-{secrets.token_hex(3)}"
            admins = [store.add_user(session, name, Role.ADMIN, passwords.hash_password(password))]
            audit.record(session, "system", "user.added", name, role=str(Role.ADMIN))
        admin = admins[0]
        if (key := _saved_key()) and _is_valid(session, key):
            return Access(admin.name, password, key, False, admin.must_change_password)
        key = store.add_api_key(session, admin, "this machine", list(Scope))
        audit.record(session, "system", "key.added", admin.name, label="this machine")
    _save_key(key)
    return Access(admin.name, password, key, True, admin.must_change_password)


def _saved_key() -> str | None:
    try:
        return layout.key_file().read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def _is_valid(session: Session, key: str) -> bool:
    """Whether the key still opens everything: it may have been revoked, or its owner be no admin any more."""
    try:
        _, owner = store.find_api_key(session, key)
    except NotSignedIn:
        return False
    return owner.role == Role.ADMIN


def _save_key(key: str) -> None:
    descriptor = os.open(layout.key_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(key + "\n")
