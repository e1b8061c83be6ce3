"""The history of all checkpoints as HTML: one small chart a capability, and the table that the charts are drawn from."""

from collections.abc import Sequence
from html import escape

from app.admin.render import moment, table
from app.api_rows import ExamRow
from app.history import History, cell, histories
from core.states import CheckpointStatus
from core.types import Capability

_WIDTH, _HEIGHT, _PAD = 210, 120, 14
_MARKS = {CheckpointStatus.PRODUCTION: "bb-in-production", CheckpointStatus.REJECTED: "bb-rejected"}


def history(rows: Sequence[ExamRow]) -> str:
    """The version of the exam that was sat last, drawn; older versions as tables, as their scores cannot be compared with it."""
    if not rows:
        return '<p class="bb-hint">No checkpoint has sat an exam yet; the first round brings one.</p>'
    latest, *older = histories(rows)
    charts = "".join(_chart(latest, capability) for capability in latest.capabilities)
    former = "".join(f"<details><summary>{escape(h.suite)} {escape(h.suite_hash[:12])}, another version or part</summary>{_table(h)}</details>" for h in older)
    return f'<h3>Scores of all checkpoints</h3><div class="bb-charts">{charts}</div>{_table(latest)}{former}'


def _table(found: History) -> str:
    """Bounds are 90 % intervals."""
    return table(
        f"Exam {found.suite} {found.suite_hash[:12]}: percent right, with 90 % intervals",
        ("Checkpoint", "Status", "Sat", *(c.value for c in found.capabilities)),
        [(f"<code>{escape(e.checkpoint_id)}</code>", e.status.value, moment(e.created_at), *(cell(e, c) for c in found.capabilities)) for e in found.exams],
        "No exam.",
    )


def _chart(found: History, capability: Capability) -> str:
    """Checkpoints from left to right in the order in which they were made, scores from 0 to 100 %."""
    sat = [exam for exam in found.exams if capability in exam.scores]
    step = (_WIDTH - 2 * _PAD) / max(len(sat) - 1, 1)

    def y(score: float) -> float:
        return round(_PAD + (1.0 - score) * (_HEIGHT - 2 * _PAD), 1)

    marks, points = [], []
    for i, exam in enumerate(sat):
        score, x = exam.scores[capability], round(_PAD + i * step, 1)
        points.append(f"{x},{y(score.mean)}")
        if score.low is not None and score.high is not None:
            marks.append(f'<line x1="{x}" x2="{x}" y1="{y(score.low)}" y2="{y(score.high)}"/>')
        title = f"<title>{escape(exam.checkpoint_id)}: {cell(exam, capability)}</title>"
        marks.append(f'<circle class="{_MARKS.get(exam.status, "")}" cx="{x}" cy="{y(score.mean)}" r="4">{title}</circle>')
    frame = f'<line class="bb-edge" x1="{_PAD}" x2="{_WIDTH - _PAD}" y1="{y(0.0)}" y2="{y(0.0)}"/><polyline points="{" ".join(points)}"/>'
    label = f"{capability.value}: {', '.join(cell(exam, capability) for exam in sat)}"
    drawing = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{frame}{"".join(marks)}</svg>'
    return f"<figure>{drawing}<figcaption>{capability.value}</figcaption></figure>"
