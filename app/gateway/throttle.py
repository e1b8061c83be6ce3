"""Slows down guessing of passwords. In this process only: with several app processes each counts for itself."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from core.errors import TooManyRequests

_MAX_KEYS = 10_000


class Throttle:
    """At most `attempts` failures per key within `seconds`; the oldest key is forgotten when there are too many keys."""

    def __init__(self, attempts: int = 5, seconds: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._attempts, self._seconds, self._clock = attempts, seconds, clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raises TooManyRequests, saying how long to wait, when the key has failed too often."""
        failures = self._recent(key)
        if len(failures) >= self._attempts:
            wait = max(1, round(failures[0] + self._seconds - self._clock()))
            raise TooManyRequests(f"Too many failed attempts; try again in {wait} seconds")

    def failed(self, key: str) -> None:
        self._failures.setdefault(key, deque()).append(self._clock())
        self._failures.move_to_end(key)
        while len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        self._failures.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= self._clock() - self._seconds:
            failures.popleft()
        return failures
