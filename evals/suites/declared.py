"""Suites that a TOML file declares: parts of the generated exams, public benchmarks, a hospital's own items."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from core.errors import BadInput, SuiteError, Unavailable
from core.knowledge import Knowledge
from core.types import Capability, ExamItem, Value
from evals.suites.own import OwnRow, own_item
from evals.suites.rows import Row, hub_rows, read_rows
from evals.suites.shapes import SHAPES, Origin

OWN = "items"


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
        if self.shape and self.shape not in {*SHAPES, OWN}:
            raise ValueError(f"there is no shape {self.shape!r}; known are {', '.join((*SHAPES, OWN))}")
        if self.shape and not self.file and not self.hub:
            raise ValueError("a part with a shape names a file, a hub data set, or both")
        return self


class Declaration(Value):
    about: str = ""
    """One line for people."""
    part: tuple[Part, ...] = Field(min_length=1)


def read(path: Path) -> Declaration:
    """Raises SuiteError naming the file and the field."""
    try:
        return Declaration.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SuiteError(f"The suite {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SuiteError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def items_of(path: Path, folders: tuple[Path, ...], knowledge: Knowledge, suite: Callable[[str], Iterable[ExamItem]]) -> tuple[ExamItem, ...]:
    """All items of a declared suite, in the order of its parts and rows. `folders` are where its files may lie, the first first.

    Raises SuiteError for a row that cannot be, an item that is there twice, and a part without any.
    """
    found: dict[str, str] = {}
    items: list[ExamItem] = []
    for number, part in enumerate(read(path).part):
        before = len(items)
        for place, item in _part(part, path, folders, knowledge, suite):
            if item.id in found:
                raise SuiteError(f"{place} asks the same as {found[item.id]}; take one of them out")
            found[item.id] = place
            items.append(item)
        if len(items) == before:
            raise SuiteError(f"{path}: part {number + 1} ({part.suite or part.shape}) has no items")
    return tuple(items)


def _part(
    part: Part, path: Path, folders: tuple[Path, ...], knowledge: Knowledge, suite: Callable[[str], Iterable[ExamItem]]
) -> Iterator[tuple[str, ExamItem]]:
    if part.suite:
        yield from ((f"{part.suite}:{i.id}", i) for i in suite(part.suite) if not part.capabilities or i.capability in part.capabilities)
        return
    taken: dict[str, str] = {}
    for subject in part.subjects or ("",):
        rows, as_published = _rows(part, path, folders, subject)
        for row in rows:
            with _placed(row):
                item = _own(row, taken, knowledge) if part.shape == OWN else SHAPES[part.shape].item(row.fields, Origin(subject, as_published))
            yield row.place, item


def _own(row: Row, taken: dict[str, str], knowledge: Knowledge) -> ExamItem:
    own = OwnRow.model_validate(dict(row.fields))
    if (first := taken.setdefault(own.id, row.place)) != row.place:
        raise BadInput(f"the id {own.id!r} stands at {first} already")
    return own_item(own, knowledge)


def _rows(part: Part, path: Path, folders: tuple[Path, ...], subject: str) -> tuple[Iterator[Row], bool]:
    """The rows, and whether they are in the shape of the authors' files."""
    name = part.file.format(subject=subject)
    file = next((folder / name for folder in folders if name and (folder / name).is_file()), None)
    if file:
        return read_rows(file, SHAPES[part.shape].columns if part.shape in SHAPES else ()), file.suffix.lower() != ".parquet"
    lacking = f"{path}: {name} is in none of {', '.join(map(str, folders))}" if name else f"{path}"
    if not part.hub:
        raise SuiteError(lacking)
    try:
        return hub_rows(part.hub, part.config.format(subject=subject), part.split, part.revision), False
    except Unavailable as error:
        raise SuiteError(f"{lacking}, and: {error}") from error


@contextmanager
def _placed(row: Row) -> Iterator[None]:
    """Names the row in whatever is wrong with it."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise SuiteError(f"{row.place}: {field + ': ' if field else ''}{first['msg'].removeprefix('Value error, ')}") from error
    except KeyError as error:
        raise SuiteError(f"{row.place}: the field {error} is missing") from error
    except (BadInput, ValueError, TypeError, AttributeError) as error:
        raise SuiteError(f"{row.place}: {error}") from error
