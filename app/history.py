"""Every capability over all checkpoints, for the terminal and the admin page: what one exam's version has seen, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

from app.api_rows import ExamRow
from core.types import Capability


class History(NamedTuple):
    """Exams of one version of a suite: only these can be compared."""

    suite: str
    suite_hash: str
    exams: tuple[ExamRow, ...]
    """In the order in which the checkpoints were made."""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        return tuple(c for c in Capability if any(c in exam.scores for exam in self.exams))


def histories(rows: Sequence[ExamRow]) -> list[History]:
    """The version that was sat last comes first."""
    latest = sorted(rows, key=lambda row: row.created_at, reverse=True)
    versions = list(dict.fromkeys((row.suite, row.suite_hash) for row in latest))
    return [History(suite, version, tuple(row for row in rows if (row.suite, row.suite_hash) == (suite, version))) for suite, version in versions]


def cell(exam: ExamRow, capability: Capability) -> str:
    """ "81.2 (76.0 to 86.4)" in percent."""
    if (score := exam.scores.get(capability)) is None:
        return ""
    bounds = f" ({100 * score.low:.1f} to {100 * score.high:.1f})" if score.low is not None and score.high is not None else ""
    return f"{100 * score.mean:.1f}{bounds}"
