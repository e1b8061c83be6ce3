"""Passwords: argon2id hashes, one-time passwords, and what a new password must be."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import BadInput

MIN_LENGTH = 10
_MAX_LENGTH = 200

_hasher = PasswordHasher()
# Verified when there is no such user, so that the answer takes as long as for a wrong password and names stay secret.
_DECOY = _hasher.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(password)


def password_matches(stored_hash: str | None, password: str) -> bool:
    """Whether `password` belongs to `stored_hash`; takes equally long when there is no hash (unknown user)."""
    try:
        return _hasher.verify(stored_hash or _DECOY, password) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def one_time_password() -> str:
    """A random password that its owner must replace at the first login."""
    return secrets.token_urlsafe(12)


def check_new_password(old: str, new: str, repeated: str) -> None:
    """Raises BadInput, saying what to do, unless `new` may replace `old`."""
    if new != repeated:
        raise BadInput("The two new passwords differ")
    if not MIN_LENGTH <= len(new) <= _MAX_LENGTH:
        raise BadInput(f"The new password needs {MIN_LENGTH} to {_MAX_LENGTH} characters")
    if new == old:
        raise BadInput("The new password must differ from the old one")
