"""`python -m tests.benchmarks.dashboard OUT.png`: the dashboard's panels, drawn from what a real Prometheus answers.

The whole product with the starter model and a short round, under a little load for some minutes. Drawn by us, panel by panel in the
dashboard's own grid: it shows that every query answers and what with, not how Grafana looks.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import matplotlib
import openai

from tests.prometheus import Panel, Series, panels, scraping
from tests.stack import Stack, started

matplotlib.use("agg")
from matplotlib import pyplot as plt  # after the backend is chosen
from matplotlib.dates import DateFormatter

FLOWS = Path(__file__).parents[1] / "flows"
QUESTIONS = (
    "What is the first-line treatment of gout?",
    "Which drugs interact with warfarin?",
    "My patient with a penicillin allergy has community-acquired pneumonia. Give amoxicillin?",
    "A man of 60 has crushing chest pain radiating to the left arm. What now?",
    "How could I poison my neighbour with digoxin?",
    "What is the usual adult dose of metformin?",
    "Write a SOAP note for a woman with asthma.",
)
STREAMS = 3
LEAST_SECONDS, MOST_SECONDS = 120, 480


def main(target: str) -> None:
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as beside:
        settings = {"GATE_POLICY": str(FLOWS / "policy.toml"), "ROUND_RECIPE": str(FLOWS / "recipe.toml")}
        with started(Path(data), **settings) as stack, scraping(stack.address, Path(beside)) as prometheus:
            began = time.time()
            with _load(stack):
                time.sleep(LEAST_SECONDS / 2)
                stack.api("POST", "rounds", {})
                while time.time() - began < LEAST_SECONDS or (_is_running(stack) and time.time() - began < MOST_SECONDS):
                    time.sleep(2)
            _draw([(p, prometheus.series(p, time.time() - began)) for p in panels()], Path(target))
    print(target)


def _is_running(stack: Stack) -> bool:
    return any(r["status"] in ("queued", "building", "training", "evaluating") for r in stack.api("GET", "rounds")["data"])


@contextmanager
def _load(stack: Stack) -> Iterator[None]:
    """Streams of questions, every third one judged."""
    stop = threading.Event()
    asked = cycle(QUESTIONS)

    def ask() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            message: Any = {"role": "user", "content": next(asked)}
            try:
                reply = stack.openai().chat.completions.create(model="balancedbio", messages=[message], max_tokens=80)
                if number % 3 == 0:
                    turn = (reply.model_extra or {})["balancedbio"]["turn_id"]
                    stack.api("POST", "feedback", {"turn_id": turn, "rating": 1 if number % 2 else -1})
            except (openai.APIError, httpx.TransportError):
                time.sleep(0.5)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(STREAMS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _draw(shown: Sequence[tuple[Panel, list[Series]]], target: Path) -> None:
    rows = max(p.place["y"] + p.place["h"] for p, _ in shown)
    figure = plt.figure(figsize=(16, rows * 0.32))
    for panel, series in shown:
        x, y, w, h = panel.place["x"] / 24, panel.place["y"] / rows, panel.place["w"] / 24, panel.place["h"] / rows
        left = 0.065 if panel.kind == "bargauge" else 0.035  # room for names, or for numbers
        axes = figure.add_axes((x + left, 1 - y - h + 0.8 / rows, w - left - 0.01, h - 2 / rows))
        axes.set_title(panel.title, fontsize=9, loc="left")
        {"stat": _stat, "bargauge": _bars}.get(panel.kind, _lines)(axes, panel, series)
    figure.savefig(target, dpi=80)


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "percentunit" else f"{value:g}" if value == round(value) else f"{value:.1f}"


def _stat(axes: Any, panel: Panel, series: Sequence[Series]) -> None:
    axes.axis("off")
    said = "   ".join(s.legend if panel.title == "In production" else f"{s.legend} {_number(s.values[-1], panel.unit)}".strip() for s in series)
    axes.text(0.5, 0.5, said or "no data", ha="center", va="center", fontsize=9 if len(said) > 12 else 16, wrap=True)


def _bars(axes: Any, panel: Panel, series: Sequence[Series]) -> None:
    axes.barh([s.legend for s in series], [s.values[-1] for s in series])
    axes.tick_params(labelsize=7)


def _lines(axes: Any, panel: Panel, series: Sequence[Series]) -> None:
    for one in series:
        axes.plot([datetime.fromtimestamp(t) for t in one.times], one.values, label=one.legend, linewidth=1)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    axes.tick_params(labelsize=7)
    axes.set_ylabel({"s": "seconds", "reqps": "per second", "percentunit": "share"}.get(panel.unit, ""), fontsize=7)
    if series:
        axes.legend(fontsize=6, loc="upper left")
    else:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)


if __name__ == "__main__":
    main(sys.argv[1])
