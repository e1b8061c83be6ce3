"""From samples to the table: what a target adds to the upstream asked directly. Milliseconds everywhere."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tests.benchmarks.serving.load import Sample

DIRECT, OURS, LITELLM = "direct", "gateway", "LiteLLM"


class Cell(NamedTuple):
    """One target at one number of streams."""

    target: str
    streams: int
    samples: Sequence[Sample]
    cpu_ms_per_reply: float
    """Of the target's process and its children; of the mock for `direct`."""
    target_cpu_share: float
    """Of one core."""
    load_cpu_share: float

    @property
    def served(self) -> list[Sample]:
        return [s for s in self.samples if s.status == 200]

    def milliseconds(self, measure: str, quantile: float) -> float:
        return float(np.quantile([getattr(s, measure) for s in self.served], quantile))


class Bar(NamedTuple):
    measure: str
    streams: int
    value: str
    is_met: bool


MEASURES = {
    "first_byte": "first byte",
    "first_text": "first text",
    "first_sentence": "first sentence",
    "total": "end",
}
MOST_ADDED_MS, MOST_OF_LITELLM = 2.0, 0.25


def added(cell: Cell, direct: Cell, measure: str, quantile: float) -> float:
    """A quantile of the target less the same quantile of the upstream asked directly, each behind the moments at which tokens are due."""
    return cell.milliseconds(measure, quantile) - direct.milliseconds(measure, quantile)


def bars(cells: Mapping[tuple[str, int], Cell]) -> list[Bar]:
    """Added p50 under 2 ms and at most a quarter of LiteLLM's: for the first whole sentence, which is when checked text can come, and for the end."""
    found = []
    for streams in sorted({s for _, s in cells}):
        direct, ours, other = cells[DIRECT, streams], cells[OURS, streams], cells.get((LITELLM, streams))
        for measure in ("first_sentence", "total"):
            own = added(ours, direct, measure, 0.5)
            found.append(Bar(f"added p50 {MEASURES[measure]} < {MOST_ADDED_MS:.0f} ms", streams, f"{own:.1f} ms", own < MOST_ADDED_MS))
            if other is not None:
                theirs = added(other, direct, measure, 0.5)
                met = own <= MOST_OF_LITELLM * theirs
                found.append(Bar(f"added p50 {MEASURES[measure]} <= {MOST_OF_LITELLM} of LiteLLM's", streams, f"{own:.1f} against {theirs:.1f} ms", met))
    return found


def table(cells: Mapping[tuple[str, int], Cell]) -> str:
    """Markdown: per number of streams, how far the upstream itself is behind its pace, and what each target adds to that."""
    head = (
        "| streams | target | replies | failed | "
        + " | ".join(f"{name} p50 / p99" for name in MEASURES.values())
        + " | CPU ms a reply | of a core | load generator |"
    )
    lines = [head, "|" + "---|" * (len(MEASURES) + 7)]
    for (name, streams), cell in sorted(cells.items(), key=lambda item: (item[0][1], item[0][0] != DIRECT)):
        direct = cells[DIRECT, streams]
        if name == DIRECT:
            values = [f"{cell.milliseconds(m, 0.5):.1f} / {cell.milliseconds(m, 0.99):.1f}" for m in MEASURES]
        else:
            values = [f"{added(cell, direct, m, 0.5):+.1f} / {added(cell, direct, m, 0.99):+.1f}" for m in MEASURES]
        costs = f"{cell.cpu_ms_per_reply:.1f} | {cell.target_cpu_share:.0%} | {cell.load_cpu_share:.0%}"
        failed = len(cell.samples) - len(cell.served)
        lines.append(f"| {streams} | {name} | {len(cell.served)} | {failed} | {' | '.join(values)} | {costs} |")
    return "\n".join(lines)


def verdicts(found: Sequence[Bar]) -> str:
    lines = ["| bar | streams | measured | met |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {b.measure} | {b.streams} | {b.value} | {'yes' if b.is_met else 'no'} |" for b in found)])
