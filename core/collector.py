"""The collector of circles, kept away from work that makes many objects and no circles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Making 50,000 objects that all stay, the collector looks through them again and again: 0.63 s to load a graph with it, 0.24 s without."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
