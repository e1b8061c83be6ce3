"""Rows of published data as they come: CSV, JSON, JSON lines or Parquet from a file, or a data set of the hub by name."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import SuiteError, Unavailable


class Row(NamedTuple):
    place: str
    """For errors: "file:line", or where there are no lines, the number or the key of the row."""
    fields: Mapping[str, Any]


def read_rows(path: Path, columns: tuple[str, ...] = ()) -> Iterator[Row]:
    """The rows of a file, by its suffix. `columns` names the fields of a CSV that has no header.

    Raises SuiteError naming file and line of what cannot be read.
    """
    try:
        match path.suffix.lower():
            case ".csv":
                yield from _csv(path, columns)
            case ".json" | ".jsonl":
                yield from _json(path)
            case ".parquet":
                yield from _parquet(path)
            case other:
                raise SuiteError(f"{path}: {other or 'a file without suffix'} cannot be read; give .csv, .json, .jsonl or .parquet")
    except OSError as error:
        raise SuiteError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path} is not UTF-8: {error}") from error


def hub_rows(name: str, config: str, split: str, revision: str) -> Iterator[Row]:
    """The rows of a split, fetched at once. Raises SuiteError for a data set, configuration or split that there is not, Unavailable when the hub is away."""
    place = "/".join(p for p in (name, config, split) if p)
    try:
        import datasets  # seconds to import, and only needed here

        found = datasets.load_dataset(name, config or None, split=split, revision=revision or None)
    except (ImportError, ValueError, FileNotFoundError) as error:  # DatasetNotFoundError is one of the last
        raise SuiteError(f"The data set {place} is not to be had: {str(error)[:200]}") from error
    except Exception as error:  # the library raises what its several HTTP and cache libraries do: no common base; nothing is hidden, it is re-raised
        raise Unavailable(f"The data set {place} cannot be had from the hub ({type(error).__name__}: {str(error)[:200]})") from error
    return (Row(f"{place}, row {number}", fields) for number, fields in enumerate(found, start=1))


def _csv(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        header = columns
        try:
            for fields in reader:
                if not header:
                    header = tuple(fields)
                elif fields:
                    if len(fields) != len(header):
                        raise SuiteError(f"{path}:{reader.line_num}: {len(fields)} fields where {len(header)} belong ({', '.join(header)})")
                    yield Row(f"{path}:{reader.line_num}", dict(zip(header, fields, strict=True)))
        except csv.Error as error:
            raise SuiteError(f"{path}:{reader.line_num}: {error}") from error


def _json(path: Path) -> Iterator[Row]:
    """A list of rows, an object of rows by their key, or a row on every line whatever the suffix (MedMCQA's files are called .json)."""
    text = path.read_text(encoding="utf-8-sig")
    try:
        whole = _parsed(text) if path.suffix.lower() == ".json" else None
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise SuiteError(f"{path}:{error.lineno}: {error.msg}") from error
        whole = None
    except SuiteError as error:
        raise SuiteError(f"{path}: {error}") from error
    if isinstance(whole, list):
        rows = [(f"{path}, row {number}", row) for number, row in enumerate(whole, start=1)]
    elif isinstance(whole, dict) and all(isinstance(row, dict) for row in whole.values()):
        rows = [(f"{path}, row {key}", {"id": key, **row}) for key, row in whole.items()]
    else:
        rows = [(f"{path}:{number}", _line(path, number, line)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    for place, row in rows:
        if not isinstance(row, dict):
            raise SuiteError(f"{place}: an object belongs here")
        yield Row(place, row)


def _parsed(text: str) -> Any:
    """A key that stands twice would drop one of its values without a word."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in found}) < len(found):
            raise SuiteError(f"a key stands twice among {', '.join(key for key, _ in found)}")
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError as error:
        raise SuiteError("it is nested too deep") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise SuiteError(str(error)) from error


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return _parsed(line)
    except SuiteError as error:
        raise SuiteError(f"{path}:{number}: {error}") from error
    except json.JSONDecodeError as error:
        raise SuiteError(f"{path}:{number}: {error.msg}") from error


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise SuiteError(f"{path}: {error}") from error
    for number, fields in enumerate(table.to_pylist(), start=1):
        yield Row(f"{path}, row {number}", fields)
