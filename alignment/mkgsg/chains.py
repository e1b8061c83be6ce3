"""Questions over several hops without a vignette: the answer of one edge is what the next one asks about."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from alignment.mkgsg.case import Case, confirming_tests, interactions_of, other_end, safe_treatments
from alignment.mkgsg.presentation import identifying_sets
from core.knowledge.graph import Fact, Graph, Kind
from core.knowledge.quantities import QUANTITY
from core.types import Relation


def cases(graph: Graph, ruled_out: Sequence[Case]) -> tuple[Case, ...]:
    """Chains of 2 to 4 hops: from a condition or its findings over its drug to what is known of the drug."""
    return tuple(_cases(graph, ruled_out))


def _cases(graph: Graph, ruled_out: Sequence[Case]) -> Iterator[Case]:
    for condition in graph.of_kind(Kind.CONDITION):
        is_told_apart = bool(identifying_sets(graph, condition.id))
        for case in _of_condition(graph, condition.id):
            if case.depth > 1:
                yield case
            if is_told_apart:
                yield replace(case, is_presented=True)
    for case in ruled_out:
        if identifying_sets(graph, case.condition):
            yield replace(case, family="multi_hop", is_presented=True)
        dose = _readable_dose(graph, case.chosen)
        # With two drugs left, whose dose would be asked? And a usual dose is no answer for failing kidneys.
        if dose and len(case.accepted) == 1 and graph.concept(case.other).group != "renal":
            yield replace(case, family="multi_hop", facts=(*case.facts, dose))


def _of_condition(graph: Graph, condition: str) -> Iterator[Case]:
    tests = confirming_tests(graph, condition)
    if tests:
        yield Case("multi_hop", tests[:1], tuple(f.object for f in tests), condition=condition, chosen=tests[0].object)
    treatments = safe_treatments(graph, condition)
    first = [t for t in treatments if t.line == "first"]
    if first:
        yield Case("multi_hop", (first[0],), tuple(t.object for t in treatments), condition=condition, drug=first[0].object, chosen=first[0].object)
    if len(first) == 1:  # "its first-line drug" must be one drug
        yield from _of_drug(graph, first[0])


def _of_drug(graph: Graph, first: Fact) -> Iterator[Case]:
    start = Case("multi_hop", (first,), condition=first.subject, drug=first.object)
    if dose := _readable_dose(graph, first.object):
        yield replace(start, facts=(first, dose))
    for facts in (
        [f for f in graph.facts_from(first.object, Relation.CONTRAINDICATED_IN) if f.object != first.subject],
        interactions_of(graph, first.object),
        graph.facts_from(first.object, Relation.IS_A),
    ):
        ends = tuple(other_end(f, first.object) for f in facts)
        # An effect that names the drug ("methotrexate toxicity") would be read as naming another answer: right, but not the one to word.
        worded = [f for f in facts if graph.label(first.object).lower() not in f.detail.lower()]
        for fact in worded[:4]:
            end = other_end(fact, first.object)
            yield replace(start, facts=(first, fact), accepted=ends, other=end, chosen=end)


def _readable_dose(graph: Graph, drug: str) -> Fact | None:
    """A dose that a reply can be read for: tablets and puffs cannot."""
    fact = graph.dose(drug)
    return fact if fact and fact.dose and QUANTITY.search(f"{fact.dose.low:f} {fact.dose.unit}") else None
