"""What a training process is to do: read from the database and the settings, checked before anything is loaded."""

import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from alignment.mkgsg.manifest import load_manifest
from alignment.recipe import Recipe, recipe_from
from core import store
from core.artifacts import verify_artifact
from core.db import reading
from core.errors import Conflict, NotFound
from core.knowledge import Knowledge, builtin, versions
from core.settings import settings
from core.types import content_hash


class Assignment(NamedTuple):
    round_id: str
    recipe: Recipe
    base_model: str
    base_name: str
    parent_id: str
    parent_adapter: Path | None
    """None: a fresh adapter."""
    dataset: Path
    training: Path
    adapter: Path
    """Its name is the checkpoint's id."""

    @property
    def plots(self) -> Path:
        return self.adapter.with_name(f"{self.adapter.name}-plots")

    def verify(self) -> str:
        """The dataset's SHA-256. Raises ArtifactError when it or the parent is not what was written: damaged weights would be learnt from."""
        if self.parent_adapter is not None:
            verify_artifact(self.parent_adapter)
        return verify_artifact(self.dataset)

    def run_hash(self, dataset_hash: str, processes: int) -> str:
        """Runs with the same are the same run: one may resume what the other has saved. Each process draws by a generator of its own."""
        return content_hash([self.recipe.hash, dataset_hash, self.base_model, str(self.parent_adapter), processes])

    def knowledge(self) -> Knowledge:
        """What the dataset was made from, whatever was imported since: its replies are scored with it. Raises NotFound when it is gone."""
        name = load_manifest(self.dataset).graph_version
        if name == builtin().graph.version:
            return builtin()
        try:
            return _imported(name)
        except NotFound as error:
            raise NotFound(f"The dataset of {self.round_id} was made from knowledge version {name}, which is gone; start a new round") from error

    def remove_drafts(self) -> None:
        """A run that was killed while it saved leaves one behind. Call it as the only one who trains this round."""
        for leftover in self.adapter.parent.glob(f".{self.adapter.name}*.draft"):
            shutil.rmtree(leftover, ignore_errors=True)

    def provenance(self, dataset_hash: str) -> str:
        """What the adapter was made of, as JSON for its folder."""
        made_of = {
            "round": self.round_id,
            "parent": self.parent_id,
            "base_model": self.base_name,
            "dataset_sha256": dataset_hash,
            "recipe": self.recipe.model_dump(mode="json"),
        }
        return json.dumps(made_of, indent=1)


def assignment(round_id: str) -> Assignment:
    """Raises NotFound, RecipeError, and Conflict when the parent was trained on another base model."""
    with reading() as session:
        row = store.get_round(session, round_id)
        parent = store.get_checkpoint(session, row.parent_id)
        recipe = recipe_from(row.recipe, f"recipe of {round_id}")
    continues = recipe.start == "production" and parent.uri != ""
    if continues and parent.base_model != settings().base_model:
        raise Conflict(f"{parent.id} was trained on {parent.base_model}, but BASE_MODEL is now {settings().base_model}; start a new round")
    data = settings().data_dir.resolve()
    return Assignment(
        round_id=round_id,
        recipe=recipe,
        base_model=settings().base_model_path,
        base_name=settings().base_model,
        parent_id=parent.id,
        parent_adapter=Path(parent.uri) if continues else None,
        dataset=data / "rounds" / round_id / "dataset",
        training=data / "rounds" / round_id / "training",
        adapter=data / "checkpoints" / f"cp-{round_id.removeprefix('round-')}",
    )


@lru_cache(maxsize=1)
def _imported(name: str) -> Knowledge:
    return Knowledge.of(versions.load(name))
