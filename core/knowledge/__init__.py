"""What the product knows of medicine, and how it finds that knowledge in text."""

from functools import lru_cache
from typing import NamedTuple

from core.knowledge.base_loader import load_base
from core.knowledge.graph import Graph
from core.knowledge.linker import Linker


class Knowledge(NamedTuple):
    graph: Graph
    linker: Linker

    @classmethod
    def of(cls, graph: Graph) -> "Knowledge":
        return cls(graph, Linker(graph))


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    """The built-in base, loaded once per process."""
    return Knowledge.of(load_base())
