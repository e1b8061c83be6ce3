"""Slows down guessing of passwords, in all processes of the app together."""

from limits import RateLimitItemPerMinute

from app.gateway.windows import Windows
from core.errors import TooManyRequests
from core.types import content_hash

_LIMIT = RateLimitItemPerMinute(5, 5, namespace="sign-in")


class Throttle:
    """At most five attempts per key within five minutes, until one succeeds. An attempt counts from its beginning: many at once are no way round it."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def attempt(self, key: str) -> None:
        """Counts an attempt. Raises TooManyRequests, saying how long to wait, when there were too many."""
        standing = self._windows.take(_LIMIT, _hidden(key))
        if not standing.admitted:
            raise TooManyRequests(f"Too many failed attempts; try again in {standing.seconds} seconds", standing.seconds)

    def succeeded(self, key: str) -> None:
        self._windows.forget(_LIMIT, _hidden(key))


def _hidden(key: str) -> str:
    """Some people type their password where the name belongs: Redis does not get to see it."""
    return content_hash(key)
