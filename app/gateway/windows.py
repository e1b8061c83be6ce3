"""Counts within windows of time, kept in Redis so that all processes of the app count together.

While Redis is away each process counts in its own memory, from nothing: limits are looser then by the number of processes, and everybody
goes on. The windows are those of the library `limits` (docs/decisions/0021-limits.md); here is only where they are kept.
"""

import time
from collections.abc import Callable
from math import floor
from threading import Lock
from typing import NamedTuple, TypeVar

from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.util import WindowStats
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.logging import get_logger

T = TypeVar("T")

_PREFIX = "balancedbio:windows"
_TIMEOUT_SECONDS = 1.0
_AWAY_SECONDS = 5.0
"""How long Redis is left alone after it did not answer."""
_MAX_KEYS_IN_MEMORY = 10_000
_ROUNDING_SECONDS = 0.5
"""Redis gives the time that a key has left rounded to the nearest second."""


class Standing(NamedTuple):
    """How a key stands in its window."""

    remaining: int
    seconds: int
    """Until more is free, rounded up: whoever waits so long gets in."""
    admitted: bool = True
    """False: it was not counted, as the window is full."""


class _Store(NamedTuple):
    moving: MovingWindowRateLimiter
    fixed: FixedWindowRateLimiter


class Windows:
    """Counts by limit and key. Safe to use from many threads; blocks for as long as Redis takes."""

    def __init__(self, redis_url: str) -> None:
        # One new try, as a connection that lay idle may have been closed meanwhile; the library's own back-off would keep a request waiting.
        pool = ConnectionPool.from_url(redis_url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 1))
        self._pool, self._memory = pool, MemoryStorage()
        self._shared = _store(RedisStorage(redis_url, connection_pool=pool, key_prefix=_PREFIX))
        self._own = _store(self._memory)
        self._is_away, self._try_again_at, self._lock = False, 0.0, Lock()

    def take(self, limit: RateLimitItem, key: str) -> Standing:
        """Counts one if the moving window has room: at most `limit.amount` within any such stretch of time."""

        def work(store: _Store) -> Standing:
            admitted = store.moving.hit(limit, key)
            return _standing(store.moving.get_window_stats(limit, key), admitted)

        return self._do(work)

    def forget(self, limit: RateLimitItem, key: str) -> None:
        """Empties the window that `take` fills."""
        self._do(lambda store: store.moving.clear(limit, key))

    def add(self, limit: RateLimitItem, key: str, amount: int) -> None:
        """Counts `amount`, whether or not the fixed window has room for it; the window begins with its first count."""
        self._do(lambda store: store.fixed.hit(limit, key, cost=amount))

    def standing(self, limit: RateLimitItem, key: str) -> Standing:
        """How the window that `add` fills stands. Counts nothing."""
        found = self._do(lambda store: store.fixed.get_window_stats(limit, key))
        if found.remaining == limit.amount:
            return Standing(found.remaining, 0)
        return _standing(found._replace(reset_time=found.reset_time + _ROUNDING_SECONDS), found.remaining > 0)

    def close(self) -> None:
        """Closes the connections; the next count opens new ones."""
        self._pool.disconnect()

    def _do(self, work: Callable[[_Store], T]) -> T:
        if self._may_try():
            try:
                done = work(self._shared)
            except (RedisError, OSError) as error:
                self._lost(error)
            else:
                self._found()
                return done
        for key in list(self._memory.events)[:-_MAX_KEYS_IN_MEMORY]:  # the library keeps a key whose window is empty
            self._memory.clear(key)
        return work(self._own)

    def _may_try(self) -> bool:
        """Whether to ask Redis. While it is away one tries for all, so that no crowd waits for it."""
        with self._lock:
            if not self._is_away:
                return True
            if time.monotonic() < self._try_again_at:
                return False
            self._try_again_at = time.monotonic() + _AWAY_SECONDS
            return True

    def _lost(self, error: Exception) -> None:
        with self._lock:
            is_news, self._is_away = not self._is_away, True
            self._try_again_at = time.monotonic() + _AWAY_SECONDS
        if is_news:
            get_logger("windows").warning("Redis does not answer; limits are counted in this process alone", reason=type(error).__name__)

    def _found(self) -> None:
        if not self._is_away:
            return
        with self._lock:
            is_news, self._is_away = self._is_away, False
        if is_news:
            self._memory.reset()
            get_logger("windows").info("Redis answers again; limits are counted there")


def _store(storage: RedisStorage | MemoryStorage) -> _Store:
    return _Store(MovingWindowRateLimiter(storage), FixedWindowRateLimiter(storage))


def _standing(found: WindowStats, admitted: bool) -> Standing:
    # A place may come free between the refusal and this look at the window: who was refused had none.
    # Not `ceil`: a count that is exactly as old as the window is long is still in it.
    return Standing(max(0, found.remaining) if admitted else 0, max(1, floor(found.reset_time - time.time()) + 1), admitted)
