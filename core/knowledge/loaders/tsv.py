"""Reads a table by its declared mapping. The first bad row ends the import; it is named by file and line."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import KnowledgeError
from core.knowledge.base_loader import class_id
from core.knowledge.graph import Kind
from core.knowledge.loaders.mapping import ConceptColumns, FactColumns, TsvMapping
from core.knowledge.loaders.records import FACTS, NAMES, TERMS, Pair, Source, Term, digest
from core.knowledge.loaders.unordered import order_ids
from core.knowledge.names import normal
from core.types import Relation

_PURL = re.compile(r"<?https?://purl\.obolibrary\.org/obo/([A-Za-z]+)_(\w+)>?")
"""OBO Foundry identifier policy: this IRI is the identifier PREFIX:NUMBER."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.|"")*)"(?:@[A-Za-z-]+|\^\^\S+)?')
_WITHDRAWN = "withdrawn, as its label says: left out"
_SEVERITIES, _LINES = ("critical", "significant"), ("first", "alternative")


def read_tsv(path: Path, mapping: TsvMapping) -> Source:
    """Raises KnowledgeError for a missing column, a short row, an empty name or id, an id in two rows, an unknown severity."""
    is_about_names = bool(mapping.concept.is_known_only or mapping.concept.synonyms or mapping.concept.xrefs)
    stage = FACTS if mapping.fact else NAMES if is_about_names else TERMS
    source = Source(path.name, mapping.publisher, mapping.licence, digest(path), stage)
    rows = list(table(path, mapping.columns))
    if mapping.has_unordered_ids and mapping.object:
        rows = order_ids(path.name, rows, mapping.concept, mapping.object, source.notes)
    seen: dict[str, tuple[str, str]] = {}
    for where, row in rows:
        term = _term(where, row, mapping.concept, mapping.publisher)
        if term.id in mapping.concept.except_ids:
            source.left_out[f"no {mapping.concept.kind}, as the mapping says: left out"] += 1
            continue
        if term.label.lower().startswith("obsolete "):
            source.left_out[_WITHDRAWN] += 1
            source.notes.append(f"{where}: {term.id} {term.label!r} is left out: it is withdrawn")
            continue
        if mapping.fact and mapping.object:
            other = _term(where, row, mapping.object, mapping.publisher)
            source.entries.append(_pair(where, row, term, other, mapping.fact, mapping.publisher))
        else:
            _refuse_repeated(term, mapping.concept, seen)
            source.entries.append(term)
    return source


def table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows with `file:line`, one a line. Columns that the mapping does not name may be there as well."""
    header: list[str] = []
    for number, line in _lines(path):
        where = f"{path.name}:{number}"
        cells = [_plain(cell, where) for cell in line.split("\t")]
        if number == 1:
            header = cells
            if missing := [c for c in columns if c not in header]:
                raise KnowledgeError(f"{where}: missing column {missing[0]!r}")
            if twice := [c for c in columns if header.count(c) > 1]:
                raise KnowledgeError(f"{where}: column {twice[0]!r} stands there twice")
        elif line.strip():
            if len(cells) != len(header):
                raise KnowledgeError(f"{where}: {len(cells)} cells, the header has {len(header)}")
            yield where, dict(zip(header, cells, strict=True))
    if not header:
        raise KnowledgeError(f"{path.name}:1: the file is empty")


def header_of(path: Path) -> tuple[str, ...]:
    """The names in the first line; empty when it is not text."""
    try:
        return tuple(cell.strip().strip('"') for cell in next(_lines(path), (1, ""))[1].split("\t"))
    except KnowledgeError:
        return ()


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.rstrip("\r\n")
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"{path.name} is not UTF-8: {error.reason}") from error


def _plain(cell: str, where: str) -> str:
    """The text of a cell: without the quotes of a spreadsheet or of a SPARQL result ("Open comedo"@en), spaces single."""
    cell = cell.strip()
    if cell.startswith('"'):
        match = _QUOTED.fullmatch(cell)
        if match is None:
            raise KnowledgeError(f"{where}: the cell {cell[:40]!r} has a quote that is not closed; the file is damaged or cut off")
        cell = match[1].replace('""', '"').replace('\\"', '"')
    return " ".join(cell.split())


def curie(identifier: str) -> str:
    match = _PURL.fullmatch(identifier)
    return f"{match[1]}:{match[2]}" if match else identifier


def _term(where: str, row: dict[str, str], columns: ConceptColumns, source: str) -> Term:
    def cell(column: str) -> str:
        return row[column] if column else ""

    def several(column: str, shape: Callable[[str], str] = str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(shape(v.strip()) for v in cell(column).split(columns.separator) if v.strip())) if column else ()

    for column in filter(None, (columns.label, "" if columns.prefix else columns.id)):
        if not row[column]:
            raise KnowledgeError(f"{where}: {column} is empty")
    label = row[columns.label]
    if not normal(label):
        raise KnowledgeError(f"{where}: {columns.label} {label!r} has neither letter nor digit")
    return Term(
        where,
        id=curie(cell(columns.id)),
        label=label.lower() if columns.is_lowered else label,
        kind=columns.kind,
        source=source,
        synonyms=several(columns.synonyms),
        xrefs=several(columns.xrefs),
        parents=(*several(columns.parent, lambda v: columns.roots.get(v, curie(v))), *((class_id(g),) if (g := cell(columns.group)) else ())),
        prefix=columns.prefix,
        is_known_only=columns.is_known_only,
        group=cell(columns.group) if columns.kind is Kind.DRUG else "",
        roots=(
            *((i, label) for label, i in columns.roots.items() if label in cell(columns.parent).split(columns.separator)),
            *(((class_id(g), g),) if (g := cell(columns.group)) else ()),
        ),
    )


def _refuse_repeated(term: Term, columns: ConceptColumns, seen: dict[str, tuple[str, str]]) -> None:
    if not term.id:
        return
    where, label = seen.setdefault(term.id, (term.where, term.label))
    if where != term.where and (not columns.is_repeated or label != term.label):
        raise KnowledgeError(f"{term.where}: id {term.id!r} stands already at {where}" + (f" as {label!r}" if label != term.label else ""))


def _pair(where: str, row: dict[str, str], subject: Term, object_: Term, columns: FactColumns, source: str) -> Pair:
    def cell(column: str, allowed: tuple[str, ...] = ()) -> str:
        if not column:
            return ""
        value = columns.values.get(row[column], row[column]) if allowed else row[column]
        if allowed and value not in allowed:
            raise KnowledgeError(f"{where}: {column} must be one of {list(columns.values or allowed)}, not {row[column]!r}")
        return value

    detail = cell(columns.detail)
    if columns.relation is Relation.RED_FLAG and not detail:
        raise KnowledgeError(f"{where}: {columns.detail} is empty")
    return Pair(where, subject, columns.relation, object_, source, cell(columns.line, _LINES), cell(columns.severity, _SEVERITIES), detail)
