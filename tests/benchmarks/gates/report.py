"""Tables and a plot of the simulation."""

from collections.abc import Sequence
from math import isinf
from pathlib import Path

from evals.decision import GatePolicy
from tests.benchmarks.gates.canaries import ALPHA, CANARY_CONVERSATIONS, SHARE, SIGNALS, UNHARMED, Found
from tests.benchmarks.gates.histories import ROUNDS
from tests.benchmarks.gates.practices import PRACTICES, interval_of
from tests.benchmarks.gates.simulation import Cell, History


def report(cells: Sequence[Cell], histories: Sequence[History], policy: GatePolicy) -> str:
    return "\n".join([_errors(cells, policy), _power(cells), _drift(histories, policy)])


def canary_report(found: Sequence[Found], by_turns: int) -> str:
    streams, alarms, harms = found[0].streams, [f for f in found if f.traffic in UNHARMED], [f for f in found if f.traffic not in UNHARMED]
    lines = [
        f"Share of {streams} canaries of {CANARY_CONVERSATIONS} conversations at a share of {SHARE:.0%} that are stopped though the candidate is worse",
        f"by no more than the margin; looked at after every conversation, {100 * ALPHA / SIGNALS:g} % is what one of {SIGNALS} signals may take.",
        "",
        "| production shows it in | margin | traffic | ours | z test |",
        "|---|---|---|---|---|",
    ]
    for f in alarms:
        t = f.traffic
        lines.append(f"| {t.rate:.0%} | {100 * t.margin:g} points | {t.name} | {_share(f.stopped, streams)} | {_share(f.peeked, streams)} |")
    lines += [
        "",
        f"The same bets with every turn as a unit, six turns to a conversation, the candidate exactly as good: {_share(by_turns, streams)}.",
        "",
        "Conversations of the candidate until harm stops it: median, and what nine streams in ten need.",
        "",
        "| production shows it in | margin | the candidate in | ours | z test |",
        "|---|---|---|---|---|",
    ]
    for f in harms:
        t = f.traffic
        lines.append(f"| {t.rate:.0%} | {100 * t.margin:g} points | {t.rate + t.harm:.0%} | {_needed(f.ours)} | {_needed(f.z)} |")
    return "\n".join(lines) + "\n"


def _share(count: int, trials: int) -> str:
    low, high = interval_of(count, trials)
    return f"{100 * count / trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _needed(counts: tuple[float, float]) -> str:
    return ", ".join("more than there were" if isinf(c) else f"{c:.0f}" for c in counts)


def _errors(cells: Sequence[Cell], policy: GatePolicy) -> str:
    lines = [
        f"Share of {cells[0].trials} exams in which a candidate passes that is worse by the margin ({100 * policy.margin:g} points); behind the",
        "slash, one that is as good.",
        "",
        f"| items (in clusters) | differ | correlation | {' | '.join(PRACTICES)} |",
        "|---" * (3 + len(PRACTICES)) + "|",
    ]
    for cell in cells:
        shares = [f"{100 * cell.worse[p] / cell.trials:.1f} / {100 * cell.as_good[p] / cell.trials:.0f} %" for p in PRACTICES]
        lines.append(f"| {cell.exam.label} | {cell.exam.discordance:.0%} | {cell.exam.together} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def _power(cells: Sequence[Cell]) -> str:
    lines = ["Power at no difference: as reported by an exam (mean), and as simulated.", ""]
    lines += ["| items (in clusters) | differ | correlation | reported | simulated |", "|---|---|---|---|---|"]
    for cell in cells:
        low, high = interval_of(cell.not_worse, cell.trials)
        simulated = f"{100 * cell.not_worse / cell.trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        lines.append(f"| {cell.exam.label} | {cell.exam.discordance:.0%} | {cell.exam.together} | {100 * cell.power:.1f} % | {simulated} |")
    return "\n".join(lines) + "\n"


def _drift(histories: Sequence[History], policy: GatePolicy) -> str:
    names = list(dict.fromkeys(h.practice for h in histories))
    lines = [
        f"Histories of {ROUNDS} rounds in which production came more than {100 * policy.margin:g} points below the anchor; in brackets the candidates",
        "that were promoted.",
        "",
        f"| items | true loss of each | differ | {' | '.join(names)} |",
        "|---" * (3 + len(names)) + "|",
    ]
    for drift in dict.fromkeys(h.drift for h in histories):
        own = {h.practice: h for h in histories if h.drift == drift}
        items = f"{drift.items}" + (f", {drift.slices} slices in turn" if drift.slices > 1 else "")
        shares = [f"{100 * own[n].beyond / own[n].trials:.1f} % [{own[n].promoted:.1f}]" for n in names]
        lines.append(f"| {items} | {100 * drift.loss:g} points | {drift.churn:.0%} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def plot(cells: Sequence[Cell], policy: GatePolicy, path: Path) -> None:
    """False promotions of each practice, a dot for each cell."""
    import matplotlib  # takes a second, and only a report needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for place, practice in enumerate(PRACTICES):
        for axes, counts in ((left, "worse"), (right, "as_good")):
            shares = [100 * getattr(cell, counts)[practice] / cell.trials for cell in cells]
            axes.plot([place] * len(shares), shares, "o", alpha=0.5, color=f"C{place}")
    left.axhline(100 * policy.alpha, color="black", linewidth=0.8)
    for axes, title in ((left, "worse by the margin: passes, %"), (right, "as good: passes, %")):
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(PRACTICES)), PRACTICES, fontsize=8)
        axes.set_ylim(bottom=0)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
