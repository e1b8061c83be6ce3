"""What people bring: OBO ontologies, tables with a declared mapping, UMLS and RxNorm. A file is recognised by what is in it, not by its name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from core.collector import collector_paused
from core.errors import KnowledgeError
from core.knowledge.loaders.mapping import OboMapping, TsvMapping, load, shipped_obo, shipped_tsv
from core.knowledge.loaders.obo import prefix_of, read_obo
from core.knowledge.loaders.records import Source
from core.knowledge.loaders.rrf import read_rrf
from core.knowledge.loaders.tsv import header_of, read_tsv

_SUFFIXES = {".obo", ".tsv", ".rrf"}


class Found(NamedTuple):
    sources: tuple[Source, ...]
    unknown: tuple[Path, ...]
    """Files of a folder that no mapping fits."""


def read(paths: Sequence[Path]) -> Found:
    """The sources of these files and folders, in the order of their merging. A file that is named itself must be recognised; of a folder,
    what is not recognised is listed, if anything is.

    Raises KnowledgeError naming file and line of the first bad row.
    """
    sources: list[Source] = []
    unknown: list[Path] = []
    with collector_paused():
        for path, is_named in _files(paths):
            if path.is_dir():
                found = read_rrf(path)
                if is_named and not found:
                    raise KnowledgeError(f"{path.name}: neither UMLS (MRCONSO.RRF, MRSTY.RRF, MRREL.RRF) nor RxNorm (RXNCONSO.RRF, RXNREL.RRF) is there")
                sources += found
                unknown += () if found else (path,)
            elif path.suffix.lower() == ".obo" and (obo := _obo_mapping(path)):
                sources.append(read_obo(path, obo))
            elif path.suffix.lower() == ".tsv" and (tsv := _tsv_mapping(path)):
                sources.append(read_tsv(path, tsv))
            elif is_named:
                raise KnowledgeError(_how_to_declare(path))
            else:
                unknown.append(path)
    if not sources:
        raise KnowledgeError(f"Nothing can be imported: no mapping fits {', '.join(p.name for p in unknown)}")
    return Found(tuple(sorted(sources, key=lambda s: (s.stage, s.file))), tuple(unknown))


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Files, and for RRF the folders that hold them; each once."""
    seen: set[Path] = set()
    for given in paths:
        named = given.with_suffix(".tsv") if given.suffix == ".toml" else given
        if not named.exists():
            raise KnowledgeError(f"{named} does not exist")
        inside = sorted(p for p in named.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file()) if named.is_dir() else [named]
        if not inside:
            raise KnowledgeError(f"{given} holds no .obo, .tsv or .RRF file")
        for path in inside:
            unit = path.parent if path.suffix.lower() == ".rrf" else path
            if unit.resolve() not in seen:
                seen.add(unit.resolve())
                yield unit, not given.is_dir()


def _tsv_mapping(path: Path) -> TsvMapping | None:
    """The one beside the file, else the shipped one whose columns are the file's header."""
    beside = path.with_suffix(".toml")
    if beside.exists():
        return load(beside, TsvMapping)
    header = header_of(path)
    return next((m for m in shipped_tsv() if m.columns == header), None)


def _obo_mapping(path: Path) -> OboMapping | None:
    beside = path.with_suffix(".toml")
    if beside.exists():
        return load(beside, OboMapping)
    prefix = prefix_of(path)
    return next((m for m in shipped_obo() if m.prefix == prefix), None)


def _how_to_declare(path: Path) -> str:
    if path.suffix.lower() == ".tsv":
        known = sorted({column for m in shipped_tsv() if set(m.columns) & set(header_of(path)) for column in set(m.columns) - set(header_of(path))})
        missing = f" (of the tables known, it lacks {', '.join(map(repr, known))})" if known else ""
        return f"{path.name}:1: no mapping has this header{missing}; put {path.stem}.toml beside it, which says which column is what"
    if path.suffix.lower() == ".obo":
        return f"{path.name}: no mapping has the prefix {prefix_of(path)!r}; put {path.stem}.toml beside it, which says what its terms are"
    return f"{path.name} is neither .obo, .tsv nor .RRF"
