"""One finished run is one JSON file, written whole or not at all; a folder belongs to one starter model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from core.artifacts import MANIFEST, write_text_atomically
from core.errors import ArtifactError
from core.settings import ROOT
from core.types import Value

STARTER = ROOT / "alignment" / "starter" / "model"


class Run(NamedTuple):
    regime: str
    contender: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.regime}.{self.contender}.{self.seed}"


class Result(Value):
    regime: str
    contender: str
    seed: int
    recipe: dict[str, Any]
    greedy: dict[str, tuple[float | None, ...]]
    """By group, a mark for each question of the exam, in its order; None where the question is of another group."""
    sampled: dict[str, tuple[float | None, ...]]
    """The mean mark of the samples."""
    history: tuple[dict[str, float], ...] = ()
    """Greedy means by group after each round but the last, where there are several."""
    steps: tuple[dict[str, Any], ...] = ()
    """What the trainer reported of each step."""
    train_seconds: float = 0.0
    """CPU of the training alone, without loading and examining."""
    wall_seconds: float = 0.0
    """The whole run by the clock on the wall: depends on the neighbours."""
    trained_tokens: int = 0
    """Reply tokens in the backward passes."""

    @property
    def run(self) -> Run:
        return Run(self.regime, self.contender, self.seed)

    def mean(self, group: str, *, sampled: bool) -> float:
        known = [v for v in (self.sampled if sampled else self.greedy)[group] if v is not None]
        return sum(known) / len(known)


def starter_folder(results: Path) -> Path:
    """Where the results of the present starter model are: those of another one cannot be compared. Raises ArtifactError without a model."""
    try:
        files: Mapping[str, str] = json.loads((STARTER / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"The starter model in {STARTER} has no manifest that can be read; build it with `balancedbio starter build`") from error
    return results / f"starter-{files['model.safetensors'][:12]}"


def write(folder: Path, result: Result) -> None:
    write_text_atomically(folder / f"{result.run.name}.json", result.model_dump_json())


def is_done(folder: Path, run: Run) -> bool:
    return (folder / f"{run.name}.json").exists()


def read_all(folder: Path) -> list[Result]:
    """Every finished run of a folder. Raises ArtifactError naming a file that is not one."""
    found = []
    for path in sorted(folder.glob("*.*.*.json")):
        try:
            found.append(Result.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            raise ArtifactError(f"{path} is not the result of a run; remove it") from error
    return found
