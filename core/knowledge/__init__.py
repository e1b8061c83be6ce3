"""What the product knows of medicine, and how it finds that knowledge in text."""

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from core.collector import collector_paused
from core.errors import ArtifactError, NotFound
from core.knowledge import versions
from core.knowledge.base_loader import load_base
from core.knowledge.graph import Graph
from core.knowledge.linker import Linker


class Knowledge(NamedTuple):
    graph: Graph
    linker: Linker

    @classmethod
    def of(cls, graph: Graph) -> "Knowledge":
        return cls(graph, Linker(graph))


def knowledge() -> Knowledge:
    """The version in use: what was imported last, or the built-in base. Ask each time, and an import is seen without a restart.

    Raises ArtifactError when the version in use is damaged or missing; `balancedbio knowledge use builtin` goes back.
    """
    name = versions.current()
    if name == versions.BUILTIN:
        return builtin()
    folder = versions.home() / name
    found = _held.get(folder)
    if found is None:
        with _loading:
            found = _held.get(folder)
            if found is None:
                try:
                    with collector_paused():
                        found = Knowledge.of(versions.load(name))
                except NotFound as error:  # who asks a question did not name it
                    raise ArtifactError(f"The knowledge version in use is missing. {error}") from error
                _held.clear()  # the one before stays with whoever still works with it
                _held[folder] = found
    return found


@lru_cache(maxsize=1)
def builtin() -> Knowledge:
    """The built-in base, whatever was imported. Exams are made and marked with it: an import must not change what a score means."""
    return Knowledge.of(load_base())


_held: dict[Path, Knowledge] = {}
_loading = Lock()
