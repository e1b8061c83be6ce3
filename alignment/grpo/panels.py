"""One picture each of what a run reports: functions from metric rows to one pair of matplotlib axes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from alignment.arrays import Floats
from alignment.grpo.objectives import ANCHOR_PREFIX
from core.types import Capability

Rows = Sequence[Mapping[str, Any]]

# Okabe and Ito's palette, told apart by colour-blind readers too. A capability has one colour in every panel.
_COLOURS = dict(zip(Capability, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"), strict=True))
_GREY, _INK = "#8a8a8a", "#333333"
_MOST_NUMBERS = 12
"""Largest matrix whose cells are written out."""
_STYLES = ("-", ":", "-.")
_MOST_NAMES = 10
"""Most curves that are named one by one; of more, one for each capability."""
_DARK = 0.6
"""Share of the colour scale beyond which a cell is dark."""
_QUARTER = 4
"""Begin and end of a run are the means of its first and last quarter: single steps are noise."""


class Curve(NamedTuple):
    steps_T: Floats
    values_T: Floats


def rewards(axes: Axes, rows: Rows) -> None:
    _capability_curves(axes, _curves(rows, "rewards"), "Reward by capability (dashed: anchors)", "mean reward of a step")
    axes.set_ylim(0.0, 1.0)


def components(axes: Axes, rows: Rows) -> None:
    """Capability by component: mean at the end of the run, coloured by its change since the beginning."""
    _begin_and_end(axes, _nested(rows, "components"), "Reward by component: begin, end; colour: change", "RdYlGn")


def signal(axes: Axes, rows: Rows) -> None:
    """Being right is learnt from prompts of which some replies are right and some wrong; where no reply differs in anything, nothing is."""
    never, always, flat = (_curve(rows, key) for key in ("never", "always", "zero_variance"))
    _prepare(axes, "Prompts by what their replies show", "share of a step's prompts")
    for curve, colour, label in ((never, "#D55E00", "never right (0 of k)"), (always, "#009E73", "always right (k of k)"), (flat, _GREY, "no reply differs")):
        if curve is not None:
            _line(axes, curve, colour, label)
    _finish(axes, (never, always, flat))
    axes.set_ylim(0.0, 1.0)


def cosines(axes: Axes, rows: Rows) -> None:
    """Mean over the steps. The diagonal is not 1 but the split-half cosine c of an objective with itself: more than the root of two
    numbers 2c / (1 + c) no pair with different prompts shows but by chance. Objectives on the same replies share their noise as well.
    """
    names, mean_KK = _mean_cosines(rows)
    _matrix(axes, mean_KK, names, names, "Cosines of gradients; diagonal: noise ceiling", "RdBu", 1.0, "{:+.2f}")
    for k in range(len(names)):
        axes.add_patch(Rectangle((k - 0.47, k - 0.47), 0.94, 0.94, fill=False, linestyle=":", edgecolor=_INK))


def conflicts(axes: Axes, rows: Rows) -> None:
    derived = [{**row, "opposed": _opposed(row), "stationarity": _stationarity(row)} for row in rows]
    lines = {
        "conflict_rate": ("#D55E00", "pairs with a cosine below 0"),
        "projected_away": ("#0072B2", "of the step projected away"),
        "opposed": ("#CC79A7", "objectives that Adam's step opposes"),
        "stationarity": (_GREY, "shortest vector of the hull / mean length (0: Pareto-stationary)"),
    }
    curves = {key: _curve(derived, key) for key in lines}
    _prepare(axes, "Conflict", "share")
    for key, curve in curves.items():
        if curve is not None:
            _line(axes, curve, *lines[key])
    _finish(axes, curves.values())
    axes.set_ylim(0.0, max(1.0, axes.get_ylim()[1]))


def weights(axes: Axes, rows: Rows) -> None:
    """The base weights that mirror descent moves toward what lags."""
    _capability_curves(axes, _curves(rows, "capability_weights"), "Base weight by capability", "factor on its share of the step", is_exact=True)
    axes.set_ylim(min(0.9, axes.get_ylim()[0]), max(1.1, axes.get_ylim()[1]))


def component_weights(axes: Axes, rows: Rows) -> None:
    _begin_and_end(axes, _nested(rows, "component_weights"), "Base weight by component: begin, end; colour: change", "PuOr")


def multipliers(axes: Axes, rows: Rows) -> None:
    """What the quadratic programme adds to the base weights so that no objective is opposed."""
    _capability_curves(axes, _curves(rows, "multipliers"), "Multipliers (dashed: anchors)", "added to the base weight", is_exact=True)
    axes.set_ylim(bottom=0.0)


def divergence(axes: Axes, rows: Rows) -> None:
    """KL to the checkpoint that the round started from; the legend says how far its weight had to rise."""
    curves, betas = _curves(rows, "kl_by_capability"), _curves(rows, "betas")
    labels = {name: f"{name} (β {b.values_T[0]:.3g} → {b.values_T[-1]:.3g})" for name, b in betas.items()}
    whole = _curve(rows, "kl")
    _prepare(axes, "KL to the starting checkpoint", "KL, nats per token")
    for name, curve in curves.items():
        _line(axes, curve, _colour(name), labels.get(name, name))
    if whole is not None and not curves:
        _line(axes, whole, _INK, "all replies")
    _finish(axes, (*curves.values(), whole))
    axes.set_ylim(bottom=0.0)


PANELS: Mapping[str, Callable[[Axes, Rows], None]] = {
    "rewards": rewards,
    "components": components,
    "signal": signal,
    "cosines": cosines,
    "conflicts": conflicts,
    "multipliers": multipliers,
    "weights": weights,
    "component_weights": component_weights,
    "kl": divergence,
}


# --- rows to numbers -----------------------------------------------------------------------------------------------


def _curve(rows: Rows, key: str) -> Curve | None:
    """The steps in which a number was reported, and the number."""
    points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    return Curve(*np.array(points, dtype=np.float64).T) if points else None


def _curves(rows: Rows, key: str) -> dict[str, Curve]:
    """The same for a mapping by objective or capability, in the order of the names."""
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        for name, value in (row.get(key) or {}).items():
            if value is not None:
                points[name].append((row["step"], value))
    return {name: Curve(*np.array(points[name], dtype=np.float64).T) for name in sorted(points, key=_order)}


def _nested(rows: Rows, key: str) -> dict[str, dict[str, Curve]]:
    """Curves by objective and component; anchors are left out."""
    names = {name for row in rows for name in (row.get(key) or {}) if not name.startswith(ANCHOR_PREFIX)}
    inner = {name: _curves([{"step": r["step"], key: (r.get(key) or {}).get(name)} for r in rows], key) for name in names}
    return {name: inner[name] for name in sorted(names, key=_order) if inner[name]}


def _mean_cosines(rows: Rows) -> tuple[list[str], Floats]:
    """Objectives, and the mean cosine of each pair over the steps in which both had a gradient; the ceiling on the diagonal."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        present = row.get("objectives") or []
        for i, left in enumerate(present):
            ceiling = (row.get("ceiling") or [None] * len(present))[i]
            if ceiling is not None:
                found[left, left].append(ceiling)
            for j, right in enumerate(present):
                if i != j and (row.get("cosines") or [[None] * len(present)] * len(present))[i][j] is not None:
                    found[left, right].append(row["cosines"][i][j])
    names = sorted({name for pair in found for name in pair}, key=_order)
    return names, np.array([[np.mean(found[a, b]) if found.get((a, b)) else np.nan for b in names] for a in names]).reshape(len(names), len(names))


def _opposed(row: Mapping[str, Any]) -> float | None:
    """Share of the objectives at whose expense the optimizer's own step was, where it was measured."""
    cosines_K = list((row.get("update_cosines") or {}).values())
    return sum(c < 0 for c in cosines_K) / len(cosines_K) if cosines_K else None


def _stationarity(row: Mapping[str, Any]) -> float | None:
    lengths = [v for v in (row.get("gradient_norms") or {}).values() if v]
    return row["min_norm"] / float(np.mean(lengths)) if lengths and row.get("min_norm") is not None else None


def _smooth(values_T: Floats) -> Floats:
    """Centred mean over a fifth of the run; shorter at both ends."""
    half = max(len(values_T) // 10, 1)
    return np.array([values_T[max(t - half, 0) : t + half + 1].mean() for t in range(len(values_T))])


def _ends(curve: Curve) -> tuple[float, float]:
    quarter = max(len(curve.values_T) // _QUARTER, 1)
    return float(curve.values_T[:quarter].mean()), float(curve.values_T[-quarter:].mean())


# --- numbers to ink ------------------------------------------------------------------------------------------------


def _prepare(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _line(axes: Axes, curve: Curve, colour: str, label: str, style: str = "-", *, is_exact: bool = False) -> None:
    """What is exact, such as a weight, is drawn as it is; of what was sampled, the mean of neighbouring steps is drawn over the steps."""
    if is_exact:
        axes.plot(*curve, color=colour, label=label, linestyle=style, linewidth=1.5)
        return
    axes.plot(*curve, color=colour, alpha=0.22, linewidth=0.8)
    axes.plot(curve.steps_T, _smooth(curve.values_T), color=colour, label=label, linestyle=style, linewidth=1.8)


def _capability_curves(axes: Axes, curves: Mapping[str, Curve], title: str, unit: str, *, is_exact: bool = False) -> None:
    """A colour for each capability, a style for each of its objectives; anchors are dashed and not named."""
    _prepare(axes, title, unit)
    named: set[str] = set()
    styles: dict[str, Iterator[str]] = defaultdict(lambda: cycle(_STYLES))
    for name, curve in curves.items():
        anchor, capability = name.startswith(ANCHOR_PREFIX), name.split("/")[0]
        label = "" if anchor else name if len(curves) <= _MOST_NAMES else capability
        _line(axes, curve, _colour(name), "" if label in named else label, "--" if anchor else next(styles[capability]), is_exact=is_exact)
        named.add(label)
    _finish(axes, curves.values())


def _finish(axes: Axes, curves: Iterable[Curve | None]) -> None:
    drawn = [curve for curve in curves if curve is not None]
    if not drawn:
        _say_nothing(axes)
        return
    axes.set_xlim(min(c.steps_T[0] for c in drawn), max(max(c.steps_T[-1] for c in drawn), min(c.steps_T[0] for c in drawn) + 1))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, framealpha=0.75, edgecolor="none")


def _begin_and_end(axes: Axes, curves: Mapping[str, Mapping[str, Curve]], title: str, colours: str) -> None:
    columns = sorted({name for inner in curves.values() for name in inner})
    ends = {(row, column): _ends(inner[column]) for row, inner in curves.items() for column in inner}
    change = np.array([[ends[r, c][1] - ends[r, c][0] if (r, c) in ends else np.nan for c in columns] for r in curves])
    largest = max(0.05, float(np.nanmax(np.abs(change)))) if ends else 1.0
    _matrix(axes, change, list(curves), columns, title, colours, largest, None)
    for (row, column), (begin, end) in ends.items():
        ink = "white" if abs(end - begin) > _DARK * largest else _INK
        axes.text(columns.index(column), list(curves).index(row), f"{begin:.2f}\n{end:.2f}", ha="center", va="center", fontsize=7, color=ink)


def _matrix(axes: Axes, values: Floats, rows: Sequence[str], columns: Sequence[str], title: str, colours: str, largest: float, number: str | None) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    if not values.size:
        _say_nothing(axes)
        return
    picture = axes.imshow(values, cmap=colours, vmin=-largest, vmax=largest, aspect="auto")
    axes.figure.colorbar(picture, ax=axes, shrink=0.85, pad=0.02)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    if number is not None and max(values.shape) <= _MOST_NUMBERS:
        for (i, j), value in np.ndenumerate(values):
            text = "?" if np.isnan(value) else number.format(value)
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if abs(value) > _DARK * largest else _INK)


def _colour(objective: str) -> str:
    """The colour of an objective's capability, which its name begins with."""
    return next((c for capability, c in _COLOURS.items() if objective.removeprefix(ANCHOR_PREFIX).startswith(capability)), _GREY)


def _order(name: str) -> tuple[bool, int, str]:
    """Objectives before anchors, capabilities as the house lists them, anything else by name."""
    bare = name.removeprefix(ANCHOR_PREFIX)
    place = next((i for i, capability in enumerate(Capability) if bare.startswith(capability)), len(Capability))
    return name.startswith(ANCHOR_PREFIX), place, name


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "not measured in this run", transform=axes.transAxes, ha="center", va="center", color=_GREY)
    axes.set_xticks([])
    axes.set_yticks([])
