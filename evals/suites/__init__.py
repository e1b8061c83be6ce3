"""Exams by name. Training never imports this package; it receives hashes of items, to exclude them."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

from core.artifacts import file_sha256
from core.errors import NotFound
from core.knowledge import knowledge
from core.settings import ROOT
from core.types import ExamItem, content_hash
from evals.suites import starter


class _Suite(NamedTuple):
    name: str
    items: tuple[ExamItem, ...]


class Suite(_Suite):
    """A named, ordered set of items. `hash` changes when any item does, or how replies are marked: reports made before cannot be compared."""

    @cached_property
    def hash(self) -> str:
        return content_hash([self.name, [[i.id, i.cluster] for i in self.items], marking_version()])

    @cached_property
    def item_hashes(self) -> frozenset[str]:
        return frozenset(i.id for i in self.items)


@lru_cache(maxsize=1)
def marking_version() -> str:
    """Hash of the code and the knowledge by which a reply is asked for and marked. Any edit to them counts: a needless exam is cheap."""
    files = (file for part in _MARKING for file in sorted((ROOT / part).rglob("*") if (ROOT / part).is_dir() else [ROOT / part]))
    return content_hash({f.relative_to(ROOT).as_posix(): file_sha256(f) for f in files if f.suffix in {".py", ".tsv"}})


_MARKING = ("core/reply.py", "core/safety.py", "core/knowledge", "evals/scorers", "evals/run.py")

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
