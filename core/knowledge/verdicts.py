"""What the graph says of one (subject, relation, object), and how a class or a parent stands for its members.

The world is open: what no row says is unknown, not false. For a class of drugs:

- a *warning* (contraindicated in, interacts with) is about every member: it is supported when every member has a row for it. With rows for
  some members only it is unknown: the text says more than the graph. Denied ("ACE inhibitors are safe in pregnancy") it is contradicted by
  the row of any one member: one counter-example is enough.
  The use of one member for a condition contradicts that the class is contraindicated in it.
- a *use* (treated by) is about some member: "beta blockers treat hypertension" is supported by the row of any one, denied it is contradicted
  by any one.

For a condition that has kinds of its own below it:

- a warning for the parent holds for each kind of it. A warning for one kind does not make a warning for the parent, but denied for the
  parent ("safe in lung disease") it is contradicted by the row of one kind.
- a use (treated by, investigated by, has symptom, red flag) of one kind supports it for the parent ("some lung disease is treated by ...").
  A kind without any row of the relation takes the rows of its nearest ancestor that has some, as the retrieval does.

`is_a` is supported through any chain of is_a rows; a drug may have several classes, so another class contradicts nothing. The evidence is
always the row that decides: for a class that of a member, the first in the graph's order.
"""

from enum import StrEnum
from typing import NamedTuple

from core.knowledge.graph import Fact, Graph, Kind
from core.types import Relation, Verdict

WARNINGS = frozenset((Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH))


class Denial(StrEnum):
    NO = "no"
    CLEAR = "clear"
    """The text says that the fact does not hold."""
    UNCLEAR = "unclear"
    """A denial is in the sentence, but what it denies is not read."""


class Judged(NamedTuple):
    verdict: Verdict
    fact: Fact | None


def judge(graph: Graph, subject: str, relation: Relation, object_: str, denial: Denial = Denial.NO, quality: str = "") -> Judged:
    """The verdict on a stated fact with the row that decides it.

    `quality` is the stated line (first, alternative) or severity (critical, significant): a row of the pair with another one contradicts,
    unless the text denies it ("not first line").
    """
    rows, is_complete = _rows(graph, subject, relation, object_)
    if not rows:
        return Judged(Verdict.UNKNOWN, None)
    if quality:
        fitting = [r for r in rows if quality in (r.line, r.severity)]
        others = [r for r in rows if r not in fitting and (r.line or r.severity)]
        if denial is Denial.CLEAR:  # "not first line" is true of an alternative
            return Judged(Verdict.CONTRADICTED, fitting[0]) if fitting else Judged(Verdict.SUPPORTED if others else Verdict.UNKNOWN, rows[0])
        if denial is Denial.NO and not fitting:
            return Judged(Verdict.CONTRADICTED if others else Verdict.UNKNOWN, rows[0])
        is_complete = is_complete and (relation not in WARNINGS or not others)
        rows = fitting or rows
    match denial:
        case Denial.CLEAR:
            return Judged(Verdict.CONTRADICTED, rows[0])
        case Denial.UNCLEAR:
            return Judged(Verdict.UNKNOWN, rows[0])
        case Denial.NO:
            return Judged(Verdict.SUPPORTED if is_complete else Verdict.UNKNOWN, rows[0])


def _rows(graph: Graph, subject: str, relation: Relation, object_: str) -> tuple[list[Fact], bool]:
    """The rows that speak for the fact, and whether they are enough to support it."""
    found: list[Fact | None]
    match relation:
        case Relation.IS_A:
            found = [_is_a(graph, subject, object_)]
        case Relation.INTERACTS_WITH if direct := graph.interaction(subject, object_):
            found = [direct]
        case Relation.INTERACTS_WITH:
            found = [graph.interaction(a, b) for a in _drugs(graph, subject) for b in _drugs(graph, object_) if a != b]
        case Relation.CONTRAINDICATED_IN:
            drugs = _drugs(graph, subject)
            found = [graph.contraindication(d, object_) for d in drugs]
            if not any(found):
                below = [_below(graph, graph.facts_from(d, relation), object_) for d in drugs]
                return [r for r in below if r], False
        case Relation.TREATED_BY:
            found = [_use(graph, subject, relation, d) for d in _drugs(graph, object_)]
            rows = [r for r in found if r]
            return rows, bool(rows)
        case _:
            found = [_use(graph, subject, relation, object_)]
    return [r for r in found if r], bool(found) and all(found)


def _drugs(graph: Graph, concept: str) -> tuple[str, ...]:
    """The drugs of a class; a drug itself."""
    return tuple(m for m in graph.members(concept) if graph.concept(m).kind is Kind.DRUG) if graph.concept(concept).kind is Kind.CLASS else (concept,)


def _use(graph: Graph, condition: str, relation: Relation, object_: str) -> Fact | None:
    if row := graph.fact(condition, relation, object_):
        return row
    if not graph.facts_from(condition, relation):
        for parent in graph.ancestors(condition):
            if graph.facts_from(parent, relation):
                return graph.fact(parent, relation, object_)
    return _below(graph, graph.facts_to(object_, relation), condition, subject=True)


def _below(graph: Graph, rows: tuple[Fact, ...], parent: str, *, subject: bool = False) -> Fact | None:
    """The first of the rows whose condition is a kind of the parent."""
    return next((r for r in rows if parent in graph.ancestors(r.subject if subject else r.object)), None)


def _is_a(graph: Graph, subject: str, object_: str) -> Fact | None:
    """The first step of the chain from subject up to object."""
    return next((f for f in graph.facts_from(subject, Relation.IS_A) if f.object == object_ or object_ in graph.ancestors(f.object)), None)
