"""The decision as one HTML file that needs nothing else: result, intervals drawn, every check, every item that changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.types import EvalReport
from evals.changes import changes
from evals.decision import GateCheck, GateDecision, Outcome
from evals.following import following, rows
from evals.suites import Suite

_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_WIDTH, _ROW = 720, 28
"""Pixels of the drawing, and of a line of it."""
_LEFT, _RIGHT = 260, 20


def page(decision: GateDecision, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> str:
    changed = changes(suite, baseline, candidate)
    before, after = following(suite, baseline), following(suite, candidate)
    return _TEMPLATES.get_template("page.html.jinja").render(
        decision=decision,
        suite=suite.name,
        words={Outcome.PROMOTE: "promote", Outcome.REJECT: "reject", Outcome.HOLD: "held"},
        drawing=_drawing([c for c in decision.checks if c.interval is not None]),
        worse=[c for c in changed if c.difference < 0],
        better=[c for c in reversed(changed) if c.difference > 0],
        followed=list(rows(before, after)) if before and after else [],
        covered=f"{100 * (1 - 2 * decision.alpha):g}",
    )


class _Line(NamedTuple):
    check: GateCheck
    y: float
    low: float
    high: float
    estimate: float
    margin: float
    """All in pixels."""


class _Drawing(NamedTuple):
    lines: list[_Line]
    width: int
    height: int
    zero: float
    ticks: list[tuple[float, str]]


def _drawing(checks: Sequence[GateCheck]) -> _Drawing:
    """Every interval on one scale of points, with zero and each check's margin."""
    reach = max([0.1, *(abs(end) for c in checks for end in c.interval or ()), *(c.margin or 0.0 for c in checks)]) * 1.05

    def x(change: float) -> float:
        return round(_LEFT + (change + reach) / (2 * reach) * (_WIDTH - _LEFT - _RIGHT), 1)

    lines = [
        _Line(c, _ROW * (i + 0.5), x(c.interval[0]), x(c.interval[1]), x(c.estimate or 0.0), x(-(c.margin or 0.0)))
        for i, c in enumerate(checks)
        if c.interval is not None
    ]
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5) if reach / s <= 6)
    ticks = [(x(n * step), f"{100 * n * step:+g}" if n else "0") for n in range(-int(reach / step), int(reach / step) + 1)]
    return _Drawing(lines, _WIDTH, _ROW * (len(lines) + 1), x(0.0), ticks)
