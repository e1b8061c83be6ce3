"""Reads OBO with fastobo: a strict grammar, errors with line numbers, no further packages (docs/decisions/0010-knowledge-import.md).

What the grammar cannot see is checked here: a file that ends inside a line or a stanza, a term without a name, an id in two stanzas. A
parent that no source knows is found at the merge.
"""

from collections.abc import Iterator
from pathlib import Path

import fastobo

from core.errors import KnowledgeError
from core.knowledge.loaders.mapping import OboMapping
from core.knowledge.loaders.records import TERMS, Source, Term, Withdrawn, digest

_EXACT = "EXACT"
"""Broad, narrow and related synonyms name other concepts."""


def read_obo(path: Path, mapping: OboMapping) -> Source:
    """Raises KnowledgeError naming file and line."""
    lines = _lines(path)
    source = Source(path.name, f"{mapping.publisher}{_release(lines)}", mapping.licence, digest(path), TERMS)
    seen: dict[str, str] = {}
    for line, frame in _frames(path, lines):
        if not isinstance(frame, fastobo.term.TermFrame):
            continue
        where, identifier = f"{path.name}:{line}", str(frame.id)
        if identifier in seen:
            raise KnowledgeError(f"{where}: id {identifier!r} stands already at {seen[identifier]}")
        seen[identifier] = where
        if not identifier.startswith(f"{mapping.prefix}:"):
            source.left_out[f"a term of another vocabulary than {mapping.prefix}"] += 1
            continue
        source.entries.append(_entry(where, identifier, frame, mapping, source.publisher))
    _leave_out_branches(source, mapping)
    return source


def _leave_out_branches(source: Source, mapping: OboMapping) -> None:
    gone = set(mapping.except_below)
    size = 0
    while len(gone) > size:
        size = len(gone)
        gone |= {e.id for e in source.entries if isinstance(e, Term) and not gone.isdisjoint(e.parents)}
    if mapping.except_below:
        kept = [e for e in source.entries if not (isinstance(e, Term) and e.id in gone)]
        source.left_out[f"no {mapping.kind}, as the mapping says: left out"] = len(source.entries) - len(kept)
        source.entries = kept


def prefix_of(path: Path) -> str:
    """The prefix of the first term's id; empty when there is none."""
    lines = iter(_lines(path))
    for line in lines:
        if line.strip() == "[Term]":
            return next(lines, "").removeprefix("id:").strip().partition(":")[0]
    return ""


def _lines(path: Path) -> list[str]:
    """Raises KnowledgeError when the file ends in the middle of a line or stanza."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"{path.name} is not UTF-8: {error.reason}") from error
    lines = text.split("\n")
    if lines.pop():
        raise KnowledgeError(f"{path.name}:{len(lines) + 1}: the file ends in the middle of a line; it is cut off")
    # Every writer puts an empty line after a stanza; without one the last stanza may lack lines, which no grammar could see.
    if lines and lines[-1].strip():
        raise KnowledgeError(f"{path.name}:{len(lines)}: the file ends inside a stanza; it is cut off, or lacks the empty line after its last stanza")
    return lines


def _frames(path: Path, lines: list[str]) -> Iterator[tuple[int, fastobo.abc.AbstractFrame]]:
    starts = (number for number, line in enumerate(lines, start=1) if line.startswith("["))
    try:
        yield from zip(starts, fastobo.iter(str(path), ordered=True), strict=True)
    except SyntaxError as error:
        raise KnowledgeError(f"{path.name}:{error.lineno}: {error.msg}; the file is damaged or cut off") from None
    except ValueError as error:
        raise KnowledgeError(f"{path.name}: {error}") from None


def _entry(where: str, identifier: str, frame: fastobo.term.TermFrame, mapping: OboMapping, publisher: str) -> Term | Withdrawn:
    values: dict[str, list[str]] = {}
    synonyms = []
    for clause in frame:
        tag = clause.raw_tag()
        if isinstance(clause, fastobo.term.SynonymClause):
            if clause.synonym.scope == _EXACT:
                synonyms.append(" ".join(clause.synonym.desc.split()))
        elif tag == "xref":
            values.setdefault(tag, []).append(str(clause.xref.id))
        else:
            values.setdefault(tag, []).append(clause.raw_value())
    if values.get("is_obsolete") == ["true"]:
        return Withdrawn(where, identifier, (values.get("replaced_by") or [""])[0])
    label = " ".join((values.get("name") or [""])[0].split())
    if not label:
        raise KnowledgeError(f"{where}: {identifier} has no name")
    parents = tuple(p.split()[0] for p in values.get("is_a", ()))
    also, xrefs = tuple(values.get("alt_id", ())), tuple(dict.fromkeys(values.get("xref", ())))
    return Term(where, identifier, label, mapping.kind, publisher, tuple(dict.fromkeys(synonyms)), also, xrefs, parents)


def _release(lines: list[str]) -> str:
    """The data-version of the header as a date, when it holds one."""
    for line in lines:
        if line.startswith("["):
            break
        if line.startswith("data-version:"):
            return next((f" {part}" for part in line.split("/") if part[:4].isdigit()), "")
    return ""
