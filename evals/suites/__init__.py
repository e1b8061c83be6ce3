"""Exams by name. Training never imports this package; it receives hashes of items, to exclude them."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

from core.errors import NotFound
from core.knowledge import knowledge
from core.types import ExamItem, content_hash
from evals.suites import starter


class _Suite(NamedTuple):
    name: str
    items: tuple[ExamItem, ...]


class Suite(_Suite):
    """A named, ordered set of items. `hash` changes when any item does."""

    @cached_property
    def hash(self) -> str:
        return content_hash([self.name, [[i.id, i.cluster] for i in self.items]])

    @cached_property
    def item_hashes(self) -> frozenset[str]:
        return frozenset(i.id for i in self.items)


_SUITES: dict[str, Callable[[], tuple[ExamItem, ...]]] = {
    "starter": lambda: starter.items(knowledge().graph, per_family=starter.FULL),
    "smoke": lambda: starter.items(knowledge().graph, per_family=starter.SMOKE),
}


@lru_cache(maxsize=8)
def load_suite(name: str) -> Suite:
    """Raises NotFound naming the suites there are."""
    if name not in _SUITES:
        raise NotFound(f"There is no suite {name!r}; known are {', '.join(sorted(_SUITES))}")
    return Suite(name, _SUITES[name]())
