"""Tables and plots of whatever runs are finished, beside their results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.artifacts import write_text_atomically
from core.types import Capability
from tests.benchmarks.alignment.regimes import CONTENDERS, REGIMES, START
from tests.benchmarks.alignment.results import Result, read_all
from tests.benchmarks.alignment.table import changes, conduct, markdown, worst_by_round


def write_report(folder: Path) -> str:
    """Writes `report.md` and the plots into the folder; returns what to tell. Raises ArtifactError when a result cannot be read."""
    results = read_all(folder)
    if not results:
        return f"No run is finished in {folder}"
    write_text_atomically(folder / "report.md", markdown(results))
    write_text_atomically(folder / "report.json", "[\n" + ",\n".join(json.dumps(_compact(r)) for r in results) + "\n]\n")
    plots = _plots(results, folder)
    return f"{len(results)} runs; {folder / 'report.md'}" + "".join(f", {p.name}" for p in plots)


def _compact(result: Result) -> dict[str, Any]:
    """A run in a line: what the tables' means are made of."""
    told = conduct([result])._asdict()
    scores = {kind: {g: round(result.mean(g, sampled=kind == "sampled"), 4) for g in result.greedy} for kind in ("greedy", "sampled")}
    return {**result.run._asdict(), **scores, "history": result.history, **{name: round(v, 4) for name, v in told.items() if v == v}}


def _plots(results: Sequence[Result], folder: Path) -> list[Path]:
    import matplotlib  # takes a second, and only a report needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    starts = {REGIMES[r.regime].exam: r for r in results if r.contender == START.name}
    drawn: list[Path] = []
    for regime in REGIMES.values():
        start = starts.get(regime.exam)
        own: Mapping[str, list[Result]] = {c: [r for r in results if (r.regime, r.contender) == (regime.name, c)] for c in CONTENDERS if c != START.name}
        own = {c: seeds for c, seeds in own.items() if seeds}
        if start is None or not own:
            continue
        figure, axes = pyplot.subplots(1, 2 if regime.rounds > 1 else 1, figsize=(12, 4), layout="constrained", squeeze=False)
        _bars(axes[0][0], own, start)
        if regime.rounds > 1:
            _rounds(axes[0][1], own, start)
        figure.suptitle(f"{regime.name}: {regime.about}", fontsize=10)
        path = folder / f"{regime.name}.png"
        figure.savefig(path, dpi=110)
        pyplot.close(figure)
        drawn.append(path)
    return drawn


def _bars(axes, own: Mapping[str, Sequence[Result]], start: Result) -> None:  # type: ignore[no-untyped-def]  # matplotlib's
    """Change of each group when sampled, with its interval and every seed as a dot."""
    groups = list(start.sampled)
    width = 0.8 / len(own)
    for place, (contender, seeds) in enumerate(own.items()):
        found = changes(seeds, start, sampled=True)
        at = [i + (place - len(own) / 2 + 0.5) * width for i in range(len(groups))]
        bars = [found.by_group[g] for g in groups]
        axes.bar(at, [b.mean for b in bars], width, label=contender, color=f"C{place}", yerr=[[b.mean - b.low for b in bars], [b.high - b.mean for b in bars]])
        for x, group in zip(at, groups, strict=True):
            seeds_y = [100 * (r.mean(group, sampled=True) - start.mean(group, sampled=True)) for r in seeds]
            axes.plot([x] * len(seeds_y), seeds_y, ".", color="black", markersize=3)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(groups)), groups, fontsize=8)
    axes.set_ylabel("change, points (sampled)")
    axes.legend(fontsize=7, ncols=3)


def _rounds(axes, own: Mapping[str, Sequence[Result]], start: Result) -> None:  # type: ignore[no-untyped-def]  # matplotlib's
    for place, (contender, seeds) in enumerate(own.items()):
        curves = [worst_by_round(r, start) for r in seeds]
        mean = [sum(c[i] for c in curves) / len(curves) for i in range(len(curves[0]))]
        axes.plot(range(1, len(mean) + 1), mean, label=f"{contender} ({len(seeds)})", color=f"C{place}")
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("round")
    axes.set_ylabel(f"worst of {len(Capability)} capabilities, points (greedy)")
    axes.legend(fontsize=7)
