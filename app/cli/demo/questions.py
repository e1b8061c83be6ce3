"""What the demo asks: the exam's kinds of question, drawn anew; none of them is in the exam."""

from core.knowledge import Knowledge
from core.types import ExamItem
from evals.suites import Suite, starter

_SEED = 7
_PER_FAMILY = {"first_line": 1, "investigation": 1, "diagnosis": 1, "contraindicated_choice": 2, "formatted": 3, "vignette": 2, "trap": 2}
_SPARE = 4
"""Drawn for each one wanted, since some will be in the exam."""


def draw(knowledge: Knowledge, exam: Suite) -> tuple[ExamItem, ...]:
    """About a dozen questions over all capabilities, always the same ones."""
    drawn = starter.items(knowledge.graph, {family: count * _SPARE + 8 for family, count in _PER_FAMILY.items()}, seed=_SEED)
    fresh = [item for item in drawn if item.id not in exam.item_hashes]
    return tuple(item for family, count in _PER_FAMILY.items() for item in [i for i in fresh if i.family == family][:count])
