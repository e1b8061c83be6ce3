"""Sentences of two public corpora of clinical conversations, labelled with what they mention and in which context.

Only ids and character offsets are kept here (`labels.tsv`), never text: the text is read from the public files, whose SHA-256 must be the
one of `files.tsv`, or offsets would point anywhere. The guideline and the licences are in `README.md`.
"""

import csv
import hashlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple, cast

from core.errors import ArtifactError

HERE = Path(__file__).parent

Context = Literal["affirmed", "negated", "historical", "hypothetical", "other"]
Kind = Literal["condition", "symptom", "drug", "investigation", "context", "procedure"]
Split = Literal["dev", "test"]


class Span(NamedTuple):
    start: int
    end: int
    """Characters of `Sentence.text`."""
    context: Context
    concepts: tuple[str, ...]
    """Ids of the built-in knowledge base; any of them is right. Empty: a medical phrase that the base has no concept for."""
    kind: Kind
    needs_before: bool
    """The context can only be told with what stands before the sentence: earlier text, or the row's section header."""


class Sentence(NamedTuple):
    file: str
    row: str
    field: str
    split: Split
    """By hash of file and row, so that the note and the dialogue of one encounter are on the same side."""
    start: int
    end: int
    """Characters of `body`."""
    body: str
    """The whole field of the row."""
    spans: tuple[Span, ...]
    """In order of their start, without overlaps; empty when the sentence mentions nothing medical."""

    @property
    def text(self) -> str:
        return self.body[self.start : self.end]


def labelled(shared: Path) -> Iterator[Sentence]:
    """Every labelled sentence, with its text from the files under `shared`.

    Raises ArtifactError when a file is absent or is not the version that was labelled.
    """
    bodies = {name: _rows(shared / path, id_column, sha256) for name, path, id_column, sha256 in _table("files.tsv")}
    for key, group in groupby(_table("labels.tsv"), key=lambda row: row[:5]):
        file, row, field, start, end = key
        labels = list(group)
        spans = tuple(_span(row, int(start)) for row in labels if row[5] != "-")
        yield Sentence(file, row, field, cast(Split, labels[0][-1]), int(start), int(end), bodies[file][row][field], spans)


def _span(row: list[str], origin: int) -> Span:
    *_, start, end, context, concepts, kind, scope, _split = row
    return Span(
        int(start) - origin,
        int(end) - origin,
        cast(Context, context),
        () if concepts == "-" else tuple(concepts.split("|")),
        cast(Kind, kind),
        scope == "before",
    )


def _table(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (HERE / name).read_text(encoding="utf-8").splitlines()[1:]]


def _rows(path: Path, id_column: str, sha256: str) -> dict[str, dict[str, str]]:
    if not path.is_file():
        raise ArtifactError(f"labelled sentences need {path.parent.name}/{path.name}, which is not there")
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
        raise ArtifactError(f"{path.parent.name}/{path.name} is not the version that was labelled: its SHA-256 is {found}, labelled was {sha256}")
    with path.open(encoding="utf-8", newline="") as lines:
        return {row[id_column]: row for row in csv.DictReader(lines)}
