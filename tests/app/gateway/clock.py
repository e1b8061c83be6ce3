"""A clock that tests set, for windows that are kept in memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch


@contextmanager
def clock() -> Iterator[list[float]]:
    """The windows of this process's memory tell the time by this."""
    now = [1_000_000.0]
    told = SimpleNamespace(time=lambda: now[0], monotonic=time.monotonic)
    with patch("limits.storage.memory.time", told), patch("app.gateway.windows.time", told):
        yield now
