"""Slows down guessing of passwords. In this process only: with several app processes each counts for itself."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from core.errors import TooManyRequests

_MAX_KEYS = 10_000


class Throttle:
    """At most `attempts` per key within `seconds`, until one succeeds; the oldest key is forgotten when there are too many keys.

    An attempt counts from its beginning: many at once are no way round it.
    """

    def __init__(self, attempts: int = 5, seconds: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._attempts, self._seconds, self._clock = attempts, seconds, clock
        self._made: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def attempt(self, key: str) -> None:
        """Counts an attempt. Raises TooManyRequests, saying how long to wait, when there were too many."""
        with self._lock:
            now, made = self._clock(), self._made.setdefault(key, deque())
            while made and made[0] <= now - self._seconds:
                made.popleft()
            if len(made) >= self._attempts:
                raise TooManyRequests(f"Too many failed attempts; try again in {max(1, round(made[0] + self._seconds - now))} seconds")
            made.append(now)
            self._made.move_to_end(key)
            while len(self._made) > _MAX_KEYS:
                self._made.popitem(last=False)

    def succeeded(self, key: str) -> None:
        with self._lock:
            self._made.pop(key, None)
