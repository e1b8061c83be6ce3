"""What changed between two versions of the knowledge."""

from collections import Counter
from typing import NamedTuple

from core.knowledge.graph import Concept, Fact, Graph
from core.types import Relation


class Difference(NamedTuple):
    added: tuple[Concept, ...]
    removed: tuple[Concept, ...]
    changed: tuple[tuple[Concept, Concept], ...]
    """Before and after, of one id."""
    facts_added: tuple[Fact, ...]
    facts_removed: tuple[Fact, ...]
    facts_changed: tuple[tuple[Fact, Fact], ...]

    @property
    def is_empty(self) -> bool:
        return not any(self)


def difference(before: Graph, after: Graph) -> Difference:
    old, new = _facts(before), _facts(after)
    return Difference(
        tuple(c for i, c in after.concepts.items() if i not in before.concepts),
        tuple(c for i, c in before.concepts.items() if i not in after.concepts),
        tuple((before.concepts[i], c) for i, c in after.concepts.items() if i in before.concepts and c != before.concepts[i]),
        tuple(f for key, f in new.items() if key not in old),
        tuple(f for key, f in old.items() if key not in new),
        tuple((old[key], f) for key, f in new.items() if key in old and f != old[key]),
    )


def _facts(graph: Graph) -> dict[tuple[str, Relation, str, int], Fact]:
    """By what they say; of equal ones (two dose rows of one drug) the first is the first."""
    seen: Counter[tuple[str, Relation, str]] = Counter()
    found = {}
    for fact in graph.facts:
        key = fact.subject, fact.relation, fact.object
        found[*key, seen[key]] = fact
        seen[key] += 1
    return found
