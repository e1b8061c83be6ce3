"""What a training run tells while it runs: a row per step, the round's progress, and TensorBoard curves.

Telling is never worth failing for: when the database is away a step's row is skipped with a warning, and training goes on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from core import store
from core.db import unit_of_work
from core.errors import Unavailable
from core.logging import get_logger
from core.types import Progress

_SMOOTHING = 0.8


class Journal:
    """`first_step` is the number of steps done before, which a resumed run repeats nothing of."""

    def __init__(self, round_id: str, steps: int, first_step: int, folder: Path) -> None:
        self._round_id, self._steps = round_id, steps
        self._curves = SummaryWriter(str(folder), purge_step=first_step + 1)
        self._seconds_per_step: float | None = None
        self.tell(first_step, "starting" if first_step == 0 else f"resuming after step {first_step}")

    def tell(self, step: int, note: str) -> None:
        """The progress bar alone."""
        self._write(step, note, None)

    def step(self, step: int, values: Mapping[str, Any]) -> None:
        """One step's numbers, plain JSON values; `seconds` and `reward` also feed the progress line."""
        seconds, reward = float(values["seconds"]), values.get("reward")
        known = self._seconds_per_step
        self._seconds_per_step = seconds if known is None else _SMOOTHING * known + (1 - _SMOOTHING) * seconds
        note = f"reward {reward:.3f}" if reward is not None else "no reply could be scored"
        if reward is not None and values.get("zero_variance") == 1.0:
            note += ", nothing to learn from: the replies to each prompt are worth the same"
        self._write(step, note, {**values, "seconds_left": self._seconds_left(step)})
        for name, value in [*_curves_of(values), *_cosine_curves(values)]:
            self._curves.add_scalar(name, value, step)
        get_logger("training").info("step", step=step, of=self._steps, reward=reward, seconds=round(seconds, 2))

    def close(self) -> None:
        self._curves.close()

    def _seconds_left(self, step: int) -> float | None:
        return None if self._seconds_per_step is None else round((self._steps - step) * self._seconds_per_step, 1)

    def _write(self, step: int, note: str, values: dict[str, Any] | None) -> None:
        progress = Progress(stage="training", done=step, total=self._steps, note=note, seconds_left=self._seconds_left(step))
        try:
            with unit_of_work() as session:
                store.set_progress(session, self._round_id, progress)
                if values is not None:
                    store.add_metric(session, self._round_id, step, values)
        except Unavailable as error:
            get_logger("training").warning("progress not written", step=step, error=str(error))


def _curves_of(values: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Every number, one level of mapping deep: `rewards/domain`, `multipliers/safety`, `components/safety/format`."""
    curves: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            curves += [(f"{name}/{key}", number) for key, number in _curves_of(value)]
        elif isinstance(value, int | float):
            curves.append((name, float(value)))
    return curves


def _cosine_curves(values: Mapping[str, Any]) -> list[tuple[str, float]]:
    """`cosines/domain~safety` for each pair of objectives, `ceiling/domain` for the noise ceiling of one."""
    names, curves = values.get("objectives", ()), []
    for i, row in enumerate(values.get("cosines", ())):
        curves += [(f"cosines/{names[i]}~{names[j]}", float(c)) for j, c in enumerate(row[:i]) if c is not None]
    curves += [(f"ceiling/{name}", float(c)) for name, c in zip(names, values.get("ceiling", ()), strict=False) if c is not None]
    return curves
