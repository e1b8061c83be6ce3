"""Follows one round until it has ended or needs a person: a live bar on a terminal, one line per change elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.cli import api
from app.cli.console import errors
from core.errors import Unavailable
from core.states import RoundStatus

_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
"""The app may be restarted while a round goes on; that long it may be away."""


def watch_round(round_id: str, console: Console = errors) -> dict[str, Any]:
    """The round's last state, as `GET /v1/rounds/{id}` gives it."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("queued", total=None, note="")
        last_line = ""
        while True:
            row = _patiently(round_id)
            progress, status = row["progress"] or {}, RoundStatus(row["status"])
            note = _note(row)
            stage = progress.get("stage") or str(status)
            bar.update(task, description=stage, total=progress.get("total"), completed=progress.get("done", 0), note=note)
            line = str(status) if status.is_final else f"{status}: {stage} {progress.get('done', 0)}/{progress.get('total', '?')} {note}".rstrip()
            if not console.is_terminal and line != last_line:
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            last_line = line
            if status.is_final or status == RoundStatus.AWAITING_SIGNOFF:
                return row
            time.sleep(_EVERY_SECONDS)


def _patiently(round_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            row: dict[str, Any] = api.get(f"rounds/{round_id}")
            return row
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_EVERY_SECONDS)


def _note(row: dict[str, Any]) -> str:
    progress = row["progress"] or {}
    parts = [progress.get("note") or ""]
    is_told = row["status"] != RoundStatus.TRAINING or "reward" in parts[0] or not row["metrics"]
    if not is_told and (reward := (row["metrics"][-1].get("values") or row["metrics"][-1]).get("reward")) is not None:
        parts.append(f"reward {reward:.2f}")
    if (left := progress.get("seconds_left")) is not None:
        parts.append(f"{left // 60:.0f}:{left % 60:02.0f} left")
    return ", ".join(p for p in parts if p)
