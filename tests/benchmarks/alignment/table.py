"""Numbers and Markdown from the results that are there. Changes are in points (hundredths of a score) against the starter model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from core.types import Capability
from evals.stats import holm
from tests.benchmarks.alignment.exam import COMBINED
from tests.benchmarks.alignment.regimes import CONTENDERS, REGIMES, START
from tests.benchmarks.alignment.results import Result

CONFIDENCE = 0.95
OURS = "balanced"


class Spread(NamedTuple):
    """A number over the seeds."""

    mean: float
    low: float
    high: float
    worst: float
    """Of any seed."""
    seeds: int


def spread(values: Sequence[float]) -> Spread:
    """Mean with its t interval over seeds; without bounds where there is one seed."""
    known = np.array(values, dtype=float)
    mean = float(known.mean())
    if len(known) < 2 or float(np.ptp(known)) == 0.0:
        low, high = (mean, mean) if len(known) > 1 else (float("nan"), float("nan"))
    else:
        low, high = stats.t.interval(CONFIDENCE, len(known) - 1, loc=mean, scale=stats.sem(known))
    return Spread(mean, float(low), float(high), float(known.min()), len(known))


class Changes(NamedTuple):
    """One contender in one regime."""

    by_group: Mapping[str, Spread]
    subject: Spread | None
    """Of what a skewed round was about."""
    worst_other: Spread | None
    """The group that changed least of those that it was not about."""
    mean: Spread
    """Of the groups that count: capabilities or components, not the held-out combinations."""
    worst_group: Spread
    """The group that changed least, in each seed."""
    below_start: int
    """How many (group, seed) ended below the start."""
    surely_below: int
    """How many of them by more than their noise: the one-sided 95 % bound of the paired difference over questions, Holm-corrected, is below 0."""


def changes(results: Sequence[Result], start: Result, *, sampled: bool) -> Changes:
    """Results are the seeds of one contender in one regime; `start` is the starter model on the same exam."""
    groups = list(start.greedy)
    counted = [g for g in groups if g != COMBINED]
    change = {g: [100 * (r.mean(g, sampled=sampled) - start.mean(g, sampled=sampled)) for r in results] for g in groups}
    by_seed = np.array([change[g] for g in counted])
    subjects = [REGIMES[r.regime].subject_of(0, r.seed) for r in results]
    is_subject = np.array([[g == s for g in counted] for s in subjects]).T
    is_skewed = bool(is_subject.any())
    p_values = [_p_below(r, start, g, sampled=sampled) for r in results for g in counted]
    return Changes(
        {g: spread(change[g]) for g in groups},
        spread(by_seed.T[is_subject.T]) if is_skewed else None,
        spread(np.where(is_subject, np.inf, by_seed).min(axis=0)) if is_skewed else None,
        spread(by_seed.mean(axis=0)),
        spread(by_seed.min(axis=0)),
        int((by_seed < -1e-9).sum()),
        sum(p < 1 - CONFIDENCE for p in holm(p_values)),
    )


class Paired(NamedTuple):
    """What ours is better by, seed by seed on the same prompts and questions; in points, sampled."""

    mean: Spread
    """Of the groups that count."""
    worst: Spread
    """The group that changed least in each seed."""


def paired(ours: Sequence[Result], other: Sequence[Result], start: Result) -> Paired | None:
    """Over the seeds that both have; None where there is none."""
    counted = [g for g in start.sampled if g != COMBINED]
    by_seed = [{r.seed: np.array([100 * (r.mean(g, sampled=True) - start.mean(g, sampled=True)) for g in counted]) for r in runs} for runs in (ours, other)]
    shared = sorted(by_seed[0].keys() & by_seed[1].keys())
    if not shared:
        return None
    return Paired(*(spread([float(of(by_seed[0][s]) - of(by_seed[1][s])) for s in shared]) for of in (np.mean, np.min)))


def _p_below(result: Result, start: Result, group: str, *, sampled: bool) -> float:
    """One-sided t test over questions of the hypothesis that the group is not below its start."""
    after, before = (r.sampled[group] if sampled else r.greedy[group] for r in (result, start))
    difference = np.array([a - b for a, b in zip(after, before, strict=True) if a is not None and b is not None])
    if float(np.ptp(difference)) == 0.0:
        return 1.0 if difference[0] >= 0.0 else 0.0
    return float(stats.ttest_1samp(difference, 0.0, alternative="less").pvalue)


class Conduct(NamedTuple):
    """How the runs went, means over their steps and seeds; NaN where nothing was told."""

    never: float
    always: float
    conflict_rate: float
    cosine: float
    """Mean over the pairs of objectives."""
    lowest_cosine: float
    """The pair of objectives that points apart most, averaged over the steps."""
    ceiling: float
    """Split-half cosine of an objective with itself."""
    projected_away: float
    step_seconds: float
    """CPU of the training by its steps."""
    wall_seconds: float


def conduct(results: Sequence[Result]) -> Conduct:
    steps = [s for r in results for s in r.steps]
    judged = [s for r in results for s in r.steps if not REGIMES[r.regime].opposed]  # opposed components know no right or wrong
    pairs = _pairs(steps)
    every = [c for values in pairs.values() for c in values]
    return Conduct(
        *(_mean(s.get(key) for s in judged) for key in ("never", "always")),
        _mean(s.get("conflict_rate") for s in steps),
        _mean(every),
        min((_mean(values) for values in pairs.values()), default=float("nan")),
        _mean(c for s in steps for c in s.get("ceiling", ()) if c is not None),
        _mean(s.get("projected_away") for s in steps),
        _mean(r.train_seconds / len(r.steps) for r in results if r.steps),
        _mean(r.wall_seconds for r in results),
    )


def _pairs(steps: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for step in steps:
        names, matrix = step.get("objectives", ()), step.get("cosines", ())
        for a, row in enumerate(matrix):
            for b, cosine in enumerate(row[:a]):
                if cosine is not None:
                    found.setdefault((names[b], names[a]), []).append(cosine)
    return found


def _mean(values: Iterable[float | None]) -> float:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else float("nan")


# --- Markdown --------------------------------------------------------------------------------------------------------


def markdown(results: Sequence[Result]) -> str:
    """Two tables (sampled, greedy) and one of conduct for each regime of which there is a result."""
    starts = {REGIMES[r.regime].exam: r for r in results if r.contender == START.name}
    parts = [_disclosure()]
    for regime in REGIMES.values():
        own = {c: [r for r in results if r.regime == regime.name and r.contender == c] for c in CONTENDERS if c != START.name}
        own = {c: seeds for c, seeds in own.items() if seeds}
        start = starts.get(regime.exam)
        if own and start is not None:
            parts.append(f"## {regime.name}\n\n{regime.about[0].upper()}{regime.about[1:]}.\n")
            parts += [_changes_table(own, start, sampled=True), _changes_table(own, start, sampled=False), _paired_table(own, start), _conduct_table(own)]
            if regime.rounds > 1:
                parts.append(_rounds_table(own, start))
    return "\n".join(parts)


def _disclosure() -> str:
    return (
        "Change against the shipped starter model in points, mean over the seeds with its 95 % t interval; in brackets the worst seed. *Worst* is the group\n"
        "that changed least in each seed. *Below* counts the (group, seed) that ended below the start, and behind the slash those that did by more than\n"
        "their noise (one-sided paired test over the questions, Holm-corrected over the contender's row). The starter's headroom is made on purpose: its\n"
        "training texts show aligned conduct only in a stated share (model card), so these lifts elicit what is there. `combinations` (condition and\n"
        "history that no text of starter or round shows together) count for no capability.\n"
    )


def _changes_table(own: Mapping[str, Sequence[Result]], start: Result, *, sampled: bool) -> str:
    groups = list(start.greedy)
    rows = {f"{contender} ({len(seeds)})": changes(seeds, start, sampled=sampled) for contender, seeds in own.items()}
    summaries: dict[str, Callable[[Changes], Spread | None]] = {
        "subject": lambda c: c.subject,
        "worst other": lambda c: c.worst_other,
        "mean": lambda c: c.mean,
        "worst": lambda c: c.worst_group,
    }
    summaries = {name: of for name, of in summaries.items() if all(of(c) for c in rows.values())}
    columns = [*groups, *summaries, "below"]
    lines = [f"| {'sampled' if sampled else 'greedy'} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines.append(f"| *start* | {' | '.join(f'*{100 * start.mean(g, sampled=sampled):.1f}*' for g in groups)} {'| ' * len(summaries)}| |")
    for name, found in rows.items():
        cells = [_shown(found.by_group[g]) for g in groups] + [_shown(of(found)) for of in summaries.values()]
        lines.append(f"| {name} | {' | '.join(cells)} | {found.below_start}/{found.surely_below} |")
    return "\n".join(lines) + "\n"


def _paired_table(own: Mapping[str, Sequence[Result]], start: Result) -> str:
    """A difference is told from none where its interval leaves 0 out; elsewhere the two are tied as far as these seeds can tell."""
    lines = [f"| {OURS} less ... (sampled, seeds paired) | mean | worst |", "|---|---|---|"]
    for contender, seeds in own.items():
        if contender != OURS and (found := paired(own.get(OURS, ()), seeds, start)) is not None:
            lines.append(f"| {contender} ({found.mean.seeds}) | {' | '.join(_with_bounds(v) for v in found)} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _conduct_table(own: Mapping[str, Sequence[Result]]) -> str:
    columns: Mapping[str, Callable[[Conduct], str]] = {
        "0 of k": lambda c: f"{100 * c.never:.0f} %",
        "k of k": lambda c: f"{100 * c.always:.0f} %",
        "conflict rate": lambda c: f"{c.conflict_rate:.2f}",
        "cosine": lambda c: f"{c.cosine:+.2f}",
        "lowest pair": lambda c: f"{c.lowest_cosine:+.2f}",
        "noise ceiling": lambda c: f"{c.ceiling:+.2f}",
        "projected away": lambda c: f"{c.projected_away:.3f}",
        "CPU s a step": lambda c: f"{c.step_seconds:.2f}",
        "wall s a run": lambda c: f"{c.wall_seconds:.0f}",
    }
    lines = [f"| conduct | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for contender, seeds in own.items():
        found = conduct(seeds)
        lines.append(f"| {contender} | {' | '.join(show(found).replace('nan', '-').replace('+-', '-') for show in columns.values())} |")
    return "\n".join(lines) + "\n"


def _rounds_table(own: Mapping[str, Sequence[Result]], start: Result) -> str:
    """The worst capability after each round, greedy."""
    lines = ["| worst capability, greedy, after round | " + " | ".join(str(n) for n in range(1, 11)) + " |", "|---" * 11 + "|"]
    for contender, seeds in own.items():
        rounds = [worst_by_round(r, start) for r in seeds]
        lines.append(f"| {contender} ({len(seeds)}) | {' | '.join(f'{m:+.1f}' for m in np.mean(rounds, axis=0))} |")
    return "\n".join(lines) + "\n"


def worst_by_round(result: Result, start: Result) -> list[float]:
    """Change of the worst capability in points, after each round."""
    last = {c.value: result.mean(c.value, sampled=False) for c in Capability}
    return [min(100 * (means[c] - start.mean(c, sampled=False)) for c in last) for means in (*result.history, last)]


def _shown(found: Spread | None) -> str:
    return "" if found is None else f"{_with_bounds(found)} [{found.worst:+.1f}]"


def _with_bounds(found: Spread) -> str:
    return f"{found.mean:+.1f}" + ("" if np.isnan(found.low) else f" ({found.low:+.1f} to {found.high:+.1f})")
