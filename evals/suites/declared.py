"""Suites that a TOML file declares: parts of the generated exams, public benchmarks, a hospital's own items."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from core.errors import BadInput, SuiteError, Unavailable
from core.knowledge import Knowledge
from core.logging import get_logger
from core.types import Capability, ExamItem, Value
from evals.suites.own import OwnRow, own_item
from evals.suites.rows import Row, hub_rows, read_rows
from evals.suites.shapes import SHAPES, Origin

OWN = "items"
_SUBJECT = "{subject}"

log = get_logger("suites")


class Part(Value):
    """Either the items of another suite, or rows of a shape from a file or the hub."""

    suite: str = ""
    capabilities: tuple[Capability, ...] = ()
    """Of the other suite; empty: all."""
    shape: str = ""
    """A public benchmark's (`evals.suites.shapes`), or `items`: a suite of one's own, a row a line."""
    file: str = ""
    """Beside the TOML file, or in the folder that EXAM_DATA names. `{subject}` stands for each of the subjects."""
    subjects: tuple[str, ...] = ()
    hub: str = ""
    """Data set to take where the file is not there."""
    config: str = ""
    split: str = "test"
    revision: str = ""

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if bool(self.suite) == bool(self.shape):
            raise ValueError("a part has either a suite or a shape")
        if self.suite and self.model_fields_set - {"suite", "capabilities"}:
            raise ValueError("a part of another suite takes its name and capabilities, nothing else")
        if self.shape:
            self._check_shape()
        return self

    def _check_shape(self) -> None:
        if self.shape not in {*SHAPES, OWN}:
            raise ValueError(f"there is no shape {self.shape!r}; known are {', '.join((*SHAPES, OWN))}")
        if not self.file and not self.hub:
            raise ValueError("a part with a shape names a file, a hub data set, or both")
        if self.capabilities:
            raise ValueError("capabilities are chosen from a suite; rows of a shape have their own")
        if self.shape != "mmlu" and self.subjects:
            raise ValueError("subjects are for MMLU, whose questions are asked with theirs")
        names = [name for name in (self.file, self.config) if name]
        if len(self.subjects) > 1 and not all(_SUBJECT in name for name in names):
            raise ValueError(f"several subjects need {_SUBJECT} in the file and in the config")
        if not self.subjects and any(_SUBJECT in name for name in names):
            raise ValueError(f"{_SUBJECT} needs subjects")


class Declaration(Value):
    about: str = ""
    """One line for people."""
    part: tuple[Part, ...] = Field(min_length=1)


def read(path: Path) -> Declaration:
    """Raises SuiteError naming the file and the field."""
    try:
        return Declaration.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise SuiteError(f"The suite {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SuiteError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SuiteError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def items_of(path: Path, folders: tuple[Path, ...], knowledge: Knowledge, suite: Callable[[str], Iterable[ExamItem]]) -> tuple[ExamItem, ...]:
    """All items of a declared suite, in the order of its parts and rows. `folders` are where its files may lie, the first first.

    Public benchmarks ask some questions twice: those are asked once. Raises SuiteError for a row that cannot be, one of one's own that is there
    twice, and a part without any.
    """
    found: dict[str, str] = {}
    own_ids: dict[str, str] = {}
    items: list[ExamItem] = []
    for number, part in enumerate(read(path).part, start=1):
        before, twice = len(items), 0
        for place, item in _part(part, path, folders, knowledge, suite, own_ids):
            if item.id not in found:
                found[item.id] = place
                items.append(item)
            elif part.shape == OWN:
                raise SuiteError(f"{place} asks the same as {found[item.id]}; take one of them out")
            else:
                twice += 1
        if len(items) == before:
            raise SuiteError(f"{path}: part {number} ({part.suite or part.shape}) has no items")
        if twice:
            log.warning("questions that are there twice are asked once", suite=str(path), part=part.suite or part.shape, count=twice)
    return tuple(items)


def _part(
    part: Part, path: Path, folders: tuple[Path, ...], knowledge: Knowledge, suite: Callable[[str], Iterable[ExamItem]], own_ids: dict[str, str]
) -> Iterator[tuple[str, ExamItem]]:
    if part.suite:
        yield from ((f"{part.suite}:{i.id}", i) for i in suite(part.suite) if not part.capabilities or i.capability in part.capabilities)
        return
    for subject in part.subjects or ("",):
        rows, as_published = _rows(part, path, folders, subject)
        for row in rows:
            with _placed(row):
                item = _own(row, own_ids, knowledge) if part.shape == OWN else SHAPES[part.shape].item(row.fields, Origin(subject, as_published))
            yield row.place, item


def _own(row: Row, taken: dict[str, str], knowledge: Knowledge) -> ExamItem:
    own = OwnRow.model_validate(dict(row.fields))
    if own.id in taken:
        raise BadInput(f"the id {own.id!r} stands at {taken[own.id]} already")
    taken[own.id] = row.place
    return own_item(own, knowledge)


def _rows(part: Part, path: Path, folders: tuple[Path, ...], subject: str) -> tuple[Iterator[Row], bool]:
    """The rows, and whether they are in the shape of the authors' files."""
    name = part.file.replace(_SUBJECT, subject)
    file = next((folder / name for folder in folders if name and (folder / name).is_file()), None)
    if file:
        return read_rows(file, SHAPES[part.shape].columns if part.shape in SHAPES else ()), file.suffix.lower() != ".parquet"
    lacking = f"{path}: {name} is not in {' nor in '.join(map(str, folders))}; EXAM_DATA names that folder" if name else str(path)
    if not part.hub:
        raise SuiteError(lacking)
    try:
        return hub_rows(part.hub, part.config.replace(_SUBJECT, subject), part.split, part.revision), False
    except Unavailable as error:
        raise Unavailable(f"{lacking}. {error}") from error


@contextmanager
def _placed(row: Row) -> Iterator[None]:
    """Names the row in whatever is wrong with it."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise SuiteError(f"{row.place}: {field + ': ' if field else ''}{first['msg'].removeprefix('Value error, ')}") from error
    except (BadInput, ValueError) as error:
        raise SuiteError(f"{row.place}: {error}") from error
