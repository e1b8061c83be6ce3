"""What a dataset holds, from what it was made, and why the rest was dropped: `dataset.json` in its folder."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from alignment.mkgsg.generate import GENERATOR
from alignment.mkgsg.tally import Tally
from core.artifacts import write_text_atomically
from core.errors import ArtifactError
from core.knowledge import Knowledge
from core.types import Value

SUMMARY = "dataset.json"


class Shard(Value):
    """One file of a dataset."""

    file: str
    samples: int
    sha256: str
    drawn: int
    """Cases that were drawn for it."""
    near_duplicates: int
    """Items dropped while it was made because an earlier one is nearly the same."""


class DatasetManifest(Value):
    """What a dataset holds and why the rest was dropped."""

    recipe_hash: str
    graph_version: str
    generator: str
    seed: int
    samples: int
    by_capability: Mapping[str, int]
    by_family: Mapping[str, int]
    by_depth: Mapping[str, int]
    by_book: Mapping[str, int]
    """`closed`, `open`, or `lacking`: with evidence that does not hold the answer."""
    by_source: Mapping[str, int]
    by_words: Mapping[str, int]
    """Questions by length: first number of words of a bin of ten -> count."""
    stages: Mapping[str, int]
    """How many items left each stage of MKGSG: source, generate, validate, curate."""
    dropped: Mapping[str, int]
    """Reason -> count, over synthetic items and feedback."""
    exam: str = ""
    """Hash of the exam whose items were kept out, as it was when the dataset was made."""
    wanted: int = 0
    """Items that a run was asked for; 0 for the dataset of a round."""
    dry: tuple[str, ...] = ()
    """Families that ended early: most of what was drawn for them was there already."""
    shards: tuple[Shard, ...] = ()
    feedback_used: tuple[str, ...] = ()
    feedback_topics: tuple[str, ...] = ()
    """Concepts that made synthetic items about them likelier."""
    judgements: Mapping[str, int] = {}
    """Pairs that clinicians judged, by source: what models in the reward learn from and are measured by."""


def manifest_of(tally: Tally, knowledge: Knowledge, *, recipe_hash: str, seed: int, **more: object) -> DatasetManifest:
    """The manifest of what `tally` counted."""
    fields = {"recipe_hash": recipe_hash, "graph_version": knowledge.graph.version, "generator": GENERATOR, "seed": seed, "samples": tally.kept}
    return DatasetManifest.model_validate(fields | tally.counts() | more)


def write_manifest(folder: Path, manifest: DatasetManifest) -> None:
    """Raises OSError."""
    write_text_atomically(folder / SUMMARY, json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True))


def load_manifest(folder: Path) -> DatasetManifest:
    """Raises ArtifactError when the summary is missing or malformed."""
    try:
        return DatasetManifest.model_validate_json((folder / SUMMARY).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{folder / SUMMARY} cannot be read: {error}") from error
