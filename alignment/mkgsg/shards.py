"""Items as Parquet files: one row for each, columns that other tools can read, the same bytes for the same items.

Long runs are cut into shards so that memory stays bounded and a run that was killed keeps what it had. What a shard's making counted is
stored in its footer.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from alignment.mkgsg.generate import Written
from alignment.mkgsg.tally import book_of
from core.artifacts import write_atomically
from core.errors import ArtifactError
from core.types import TrainingSample

SHARD_ITEMS = 10_000
"""About 25 MB of text in memory, 1 MB on disk."""
_ABOUT = b"balancedbio"
_BATCH_ROWS = 1_000

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
_STEP = pa.struct([("subject", pa.string()), ("relation", pa.string()), ("object", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("capability", pa.string()),
        ("family", pa.string()),
        ("depth", pa.int8()),
        ("book", pa.string()),
        ("messages", pa.list_(_MESSAGE)),
        ("evidence", pa.list_(pa.string())),
        ("reply", pa.string()),
        ("unaligned", pa.string()),
        ("reference", pa.string()),
        ("checks", pa.string()),
        ("steps", pa.list_(_STEP)),
        ("patient", pa.list_(pa.string())),
        ("source", pa.string()),
        ("source_ids", pa.list_(pa.string())),
        ("generator", pa.string()),
        ("recipe_hash", pa.string()),
    ]
)
"""`reply` and `unaligned` are null where there is none; `reference` and `checks` are JSON; `id` and `book` are derived from the rest."""


def shard_name(number: int) -> str:
    return f"shard-{number:05d}.parquet"


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder in their order."""
    return sorted(folder.glob("shard-*.parquet"))


class Rows:
    """Items on their way into a shard, column by column: lists of strings are a third of what the objects take."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}

    def __len__(self) -> int:
        return len(self._columns["id"])

    def add(self, sample: TrainingSample, reply: str | None = None, unaligned: str | None = None) -> None:
        origin = sample.provenance
        row = (
            sample.id,
            sample.capability.value,
            sample.family,
            sample.depth,
            book_of(sample),
            [{"role": m.role, "content": m.content} for m in sample.messages],
            list(sample.evidence),
            reply,
            unaligned,
            sample.reference.model_dump_json(exclude_defaults=True),
            json.dumps([c.model_dump() for c in sample.checks], separators=(",", ":"), ensure_ascii=False) if sample.checks else "[]",
            [{"subject": s.subject, "relation": s.relation.value, "object": s.object} for s in sample.steps],
            list(sample.patient),
            origin.source,
            list(origin.ids),
            origin.generator,
            origin.recipe_hash,
        )
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)

    def encoded(self, about: object = None, order: Sequence[int] | None = None) -> memoryview:
        """The file's bytes; `about` (JSON) goes into its footer, `order` says which row comes where."""
        table = pa.table(self._columns, schema=SCHEMA)
        table = table if order is None else table.take(pa.array(order, pa.int64()))
        table = table.replace_schema_metadata({_ABOUT: json.dumps(about, sort_keys=True).encode()})
        sink = pa.BufferOutputStream()
        # Every choice that could differ between versions or machines is made here. No file knows when it was written.
        pq.write_table(table, sink, compression="zstd", compression_level=6, version="2.6", data_page_version="1.0", row_group_size=SHARD_ITEMS)
        return memoryview(sink.getvalue())


def write_samples(folder: Path, samples: Iterable[TrainingSample | Written]) -> None:
    """The items in their order as the shards of a folder. Raises OSError."""
    rows, number = Rows(), 0
    for item in samples:
        if isinstance(item, Written):
            rows.add(item.sample, item.completion, item.unaligned)
        else:
            rows.add(item)
        if len(rows) == SHARD_ITEMS:
            write_atomically(folder / shard_name(number), rows.encoded())
            rows, number = Rows(), number + 1
    if len(rows) or number == 0:
        write_atomically(folder / shard_name(number), rows.encoded())


def shuffled(count: int, seed: str) -> list[int]:
    """Where each of `count` rows comes from, in an order that the seed decides."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


def read_about(path: Path) -> Any:
    """What the shard's footer says of its making. Raises ArtifactError."""
    with _named(path):
        metadata = pq.read_schema(path).metadata or {}
        return json.loads(metadata.get(_ABOUT, b"null"))


def read_samples(path: Path) -> Iterator[TrainingSample]:
    """The items of a shard in their order. Raises ArtifactError naming the bad row."""
    for number, row in enumerate(read_rows(path), start=1):
        try:
            yield sample_of(row)
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise ArtifactError(f"{path}: row {number} is not a training sample: {reason}") from error


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a shard by column name. Raises ArtifactError when it is no Parquet file."""
    with _named(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield from batch.to_pylist()


def sample_of(row: dict[str, Any]) -> TrainingSample:
    provenance = {"source": row["source"], "ids": row["source_ids"], "generator": row["generator"], "recipe_hash": row["recipe_hash"]}
    plain = {name: row[name] for name in ("messages", "capability", "family", "steps", "patient", "evidence", "depth")}
    return TrainingSample.model_validate(plain | {"reference": json.loads(row["reference"]), "checks": json.loads(row["checks"]), "provenance": provenance})


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file in whatever goes wrong while it is read."""
    try:
        yield
    except (OSError, pa.ArrowException, json.JSONDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
