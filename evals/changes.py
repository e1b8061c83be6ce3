"""Item by item: what a candidate answers otherwise than production, the largest loss first."""

from typing import NamedTuple

from core.types import EvalReport, ExamItem, ItemResult
from evals.suites import Suite


class Change(NamedTuple):
    item: ExamItem
    before: ItemResult
    after: ItemResult

    @property
    def difference(self) -> float:
        """In [-1, 1]; what could not be scored counts as wrong."""
        return (self.after.correct or 0.0) - (self.before.correct or 0.0)


def changes(suite: Suite, baseline: EvalReport, candidate: EvalReport) -> list[Change]:
    """Items that both have sat and whose score differs, worst first, then in the suite's order."""
    before, after = ({r.item_id: r for r in report.items} for report in (baseline, candidate))
    found = [Change(item, before[item.id], after[item.id]) for item in suite.items if item.id in before and item.id in after]
    return sorted((c for c in found if c.difference), key=lambda c: c.difference)
