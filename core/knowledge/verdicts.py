"""What the graph says of one (subject, relation, object), and how a class or a parent stands for its members.

The world is open: what no row says is unknown, not false. For a class:

- a *warning* (contraindicated in, interacts with) is about every member: it is supported when every member has a row for it, directly or by
  an ancestor of what it is contraindicated in. With rows for some members only it is unknown, never supported: the text says more than the
  graph. Denied ("ACE inhibitors are safe in pregnancy") it is contradicted by the row of any one member: one counter-example is enough.
- a *use* (treated by, investigated by, has symptom, red flag) is about some member: "beta blockers treat hypertension" is supported by the row
  of any one. Denied it is contradicted by any one.
- a *warning* for a condition holds for the kinds of that condition below it; a use does not.
- `is_a` is supported through any chain of is_a rows; a drug may have several classes, so another class contradicts nothing.

The evidence is always the row of a member (the first one in the graph's order), never a summary.
"""

from enum import StrEnum
from typing import NamedTuple

from core.knowledge.graph import Fact, Graph
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
        if denial is Denial.CLEAR:  # "not first line" is true of an alternative
            return Judged(Verdict.CONTRADICTED, fitting[0]) if fitting else Judged(Verdict.SUPPORTED, rows[0])
        if not fitting and denial is Denial.NO:
            return Judged(Verdict.CONTRADICTED, rows[0])
        is_complete = is_complete and (relation not in WARNINGS or len(fitting) == len(rows))
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
    if relation is Relation.IS_A:
        row = _is_a(graph, subject, object_)
        return ([row] if row else []), True
    if row := _row(graph, subject, relation, object_):
        return [row], True
    subjects, objects = _members(graph, subject), _members(graph, object_)
    if len(subjects) == len(objects) == 1:
        return [], False
    found = [_row(graph, s, relation, o) for s in subjects for o in objects if s != o]
    rows = [r for r in found if r]
    return rows, len(rows) == len(found) if relation in WARNINGS else True


def _row(graph: Graph, subject: str, relation: Relation, object_: str) -> Fact | None:
    if relation is Relation.INTERACTS_WITH:
        return graph.interaction(subject, object_)
    return graph.fact(subject, relation, object_)


def _members(graph: Graph, concept: str) -> tuple[str, ...]:
    return (concept,)


def _is_a(graph: Graph, subject: str, object_: str) -> Fact | None:
    return graph.fact(subject, Relation.IS_A, object_)
