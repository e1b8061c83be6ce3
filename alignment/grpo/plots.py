"""Pictures of a run from its metric rows: one sheet of all panels, and each panel as a file of its own.

A row is what `GET /v1/rounds/{id}` and the table of metrics hold for a step: `step` and the trainer's report. A panel whose numbers the
recipe switched off says so in its place. Imports no torch, so that the gateway and the command line can draw; they load it when asked.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from alignment.grpo.panels import PANELS
from core.artifacts import write_atomically

SHEET = "run.png"
_COLUMNS = 3
_DOTS_PER_INCH = 110
_LEGEND = "Thin lines are single steps, thick ones means of a fifth of the run. Begin and end are means of the first and the last quarter."

Rows = Sequence[Mapping[str, Any]]


def plot_run(rows: Rows, folder: Path) -> tuple[Path, ...]:
    """Writes `run.png` and one PNG for each panel to `folder` (made if missing) and returns their paths, the sheet first.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {SHEET: run_sheet(rows)} | {f"{name}.png": _png(_single(name, rows)) for name in PANELS}
    for name, picture in pictures.items():
        write_atomically(folder / name, picture)
    return tuple(folder / name for name in pictures)


def run_sheet(rows: Rows, title: str = "") -> bytes:
    """All panels on one sheet, as PNG."""
    lines = -(-len(PANELS) // _COLUMNS)
    figure = Figure(figsize=(5.6 * _COLUMNS, 4.2 * lines), layout="constrained")
    for axes, draw in zip(figure.subplots(lines, _COLUMNS).flat, PANELS.values(), strict=True):
        draw(axes, rows)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=13)
    figure.supxlabel(_LEGEND, x=0.01, ha="left", fontsize=9, color="#555555")
    return _png(figure)


def _single(name: str, rows: Rows) -> Figure:
    figure = Figure(figsize=(7.0, 4.4), layout="constrained")
    PANELS[name](figure.subplots(), rows)
    return figure


def _png(figure: Figure) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return stream.getvalue()
