"""Paths about a drug for a condition: plain ones, and those on which the history rules the first choice out."""

from collections.abc import Callable, Iterable, Iterator

from alignment.mkgsg.case import Case, first_choices, interactions_of, other_end, rules_out, safe_treatments
from core.knowledge.graph import Fact, Graph, Kind
from core.types import Relation


def contraindicated_choices(graph: Graph) -> tuple[Case, ...]:
    return tuple(_cases(graph, "contraindicated_choice", lambda d: ((f, f.object) for f in graph.facts_from(d, Relation.CONTRAINDICATED_IN))))


def interaction_choices(graph: Graph) -> tuple[Case, ...]:
    return tuple(_cases(graph, "interaction_choice", lambda d: ((f, other_end(f, d)) for f in interactions_of(graph, d))))


def plain_choices(graph: Graph) -> tuple[Case, ...]:
    """Nothing in the history stands against the first-line drug."""
    found = []
    for condition in graph.of_kind(Kind.CONDITION):
        treatments = safe_treatments(graph, condition.id)
        if first := next((t for t in treatments if t.line == "first"), None):
            found.append(Case("vignette", (first,), tuple(t.object for t in treatments), condition=condition.id, drug=first.object, chosen=first.object))
    return tuple(found)


def _cases(graph: Graph, family: str, rules_of: Callable[[str], Iterable[tuple[Fact, str]]]) -> Iterator[Case]:
    for first in first_choices(graph):
        for rule, history in rules_of(first.object):
            if case := _choice(graph, family, first, rule, history):
                yield case


def _choice(graph: Graph, family: str, first: Fact, rule: Fact, history: str) -> Case | None:
    """None when the history is what is to be treated, when nothing is left to give, or when the current drug is itself a treatment."""
    c, d = first.subject, first.object
    treatments = graph.treatments(c)
    objects = [t.object for t in treatments]
    if history == c or history in objects:
        return None
    left = [t for t in safe_treatments(graph, c) if not rules_out(graph, t.object, history)]
    # First-line drugs may be given together (tuberculosis): one that is left is no choice, an alternative is.
    if not any(t.line == "alternative" for t in left):
        return None
    chosen = min(left, key=lambda t: t.line != "alternative")
    forbidden = tuple(o for o in objects if rules_out(graph, o, history))
    return Case(family, (first, rule, chosen), tuple(t.object for t in left), forbidden, c, d, history, chosen.object)
