"""Item by item: what a candidate answers otherwise than production, and the one rule for what has no score.

An item without a score of the candidate counts as one that production had right and the candidate lost, one without a score of production as
right there: nothing that is absent can help. As that may leave less that varies, `evals.gate` reads it in the candidate's favour too.
"""

from typing import NamedTuple

from core.types import EvalReport, ExamItem, ItemResult
from evals.suites import Suite


class Change(NamedTuple):
    item: ExamItem
    before: ItemResult
    after: ItemResult

    @property
    def scores(self) -> tuple[float, float]:
        """Before and after, as the gate counts them, in [0, 1]."""
        if self.after.correct is None:
            return 1.0, 0.0
        return 1.0 if self.before.correct is None else self.before.correct, self.after.correct

    @property
    def scores_in_favour(self) -> tuple[float, float]:
        """The same, where what is absent speaks for the candidate."""
        if self.after.correct is None:
            return 0.0, 1.0
        return self.before.correct or 0.0, self.after.correct

    @property
    def difference(self) -> float:
        """In [-1, 1]."""
        return self.scores[1] - self.scores[0]


def sat(suite: Suite, baseline: EvalReport, candidate: EvalReport) -> list[Change]:
    """Every item of the suite, in its order."""
    before, after = ({r.item_id: r for r in report.items} for report in (baseline, candidate))
    return [Change(item, before.get(item.id) or _absent(item), after.get(item.id) or _absent(item)) for item in suite.items]


def changes(suite: Suite, baseline: EvalReport, candidate: EvalReport) -> list[Change]:
    """Items whose score differs, worst first, then in the suite's order."""
    return sorted((c for c in sat(suite, baseline, candidate) if c.difference), key=lambda c: c.difference)


def _absent(item: ExamItem) -> ItemResult:
    common = {"item_id": item.id, "capability": item.capability, "family": item.family, "cluster": item.cluster, "book": item.book}
    return ItemResult(**common, reply="", scores=(), correct=None, error="there is no reply in the report")  # type: ignore[arg-type]  # one literal for both
