"""Reads the Rich Release Format of the UMLS Metathesaurus and of RxNorm: files without a header, cells ended by `|`.

Columns are those that NLM publishes (UMLS Reference Manual, chapter 3; RxNorm Technical Documentation). English, not suppressed, and of
a semantic type that we have a kind for; the rest is counted by reason. A relation is one that the SECOND concept has to the FIRST.
Made for a subset (MetamorphoSys): what is kept is held in memory, what is not is streamed past.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from core.errors import KnowledgeError
from core.knowledge.graph import Kind
from core.knowledge.loaders.mapping import SOURCES, RrfMapping, load
from core.knowledge.loaders.records import FACTS, UMLS, Pair, Source, Term, digest

_CONSO = ["CUI", "LAT", "TS", "LUI", "STT", "SUI", "ISPREF", "AUI", "SAUI", "SCUI", "SDUI", "SAB", "TTY", "CODE", "STR", "SRL", "SUPPRESS", "CVF"]
_STY = ["CUI", "TUI", "STN", "STY", "ATUI", "CVF"]
_MRREL = ["CUI1", "AUI1", "STYPE1", "REL", "CUI2", "AUI2", "STYPE2", "RELA", "RUI", "SRUI", "SAB", "SL", "RG", "DIR", "SUPPRESS", "CVF"]
_RXNREL = ["CUI1", "AUI1", "STYPE1", "REL", "CUI2", "AUI2", "STYPE2", "RELA", "RUI", "SRUI", "SAB", "SL", "DIR", "RG", "SUPPRESS", "CVF"]


class _Release(NamedTuple):
    mapping: str
    concepts: str
    relations: str
    relation_columns: list[str]
    types: str
    """Empty: the release's concepts are of one kind."""


_RELEASES = (_Release("umls", "MRCONSO.RRF", "MRREL.RRF", _MRREL, "MRSTY.RRF"), _Release("rxnorm", "RXNCONSO.RRF", "RXNREL.RRF", _RXNREL, ""))


class _Atom(NamedTuple):
    where: str
    name: str
    rank: tuple[bool, ...]
    """Smaller is more preferred."""
    is_brand: bool


def read_rrf(folder: Path) -> list[Source]:
    """The sources of each release found in `folder`: concepts, then relations. Raises KnowledgeError naming file and line."""
    here = {p.name.upper(): p for p in folder.iterdir()}
    found: list[Source] = []
    for release in _RELEASES:
        names = [n for n in (release.concepts, release.relations, release.types) if n]
        if any(n in here for n in names):
            # Without the types nothing has a kind; without the names nothing has a label.
            for needed in filter(None, (release.concepts, release.types)):
                if needed not in here:
                    raise KnowledgeError(f"{folder.name}: {', '.join(n for n in names if n in here)} needs {needed} beside it")
            found += _release(here, release, load(SOURCES / "rrf" / f"{release.mapping}.toml", RrfMapping))
    return found


def _release(here: dict[str, Path], release: _Release, mapping: RrfMapping) -> Iterator[Source]:
    kinds: dict[str, Kind] = {}
    if release.types:
        types = _source(here[release.types], mapping, UMLS)
        kinds = _kinds(here[release.types], mapping, types)
        yield types
    concepts = _source(here[release.concepts], mapping, UMLS)
    terms, brands = _concepts(here[release.concepts], mapping, kinds, concepts)
    relations = _source(here[release.relations], mapping, FACTS) if release.relations in here else None
    pairs: list[Pair] = []
    if relations:
        named = _brand_names(here[release.relations], release, mapping, brands, terms)
        terms = {cui: replace(t, synonyms=(*t.synonyms, *named.get(cui, ()))) for cui, t in terms.items()}
        pairs = _pairs(here[release.relations], release, mapping, terms, brands, relations)
        relations.entries.extend(pairs)
    concepts.entries.extend(terms.values())
    yield concepts
    if relations:
        yield relations


def _source(path: Path, mapping: RrfMapping, stage: int) -> Source:
    return Source(path.name, mapping.publisher, mapping.licence, digest(path), stage)


def _kinds(path: Path, mapping: RrfMapping, source: Source) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for _, row in _rows(path, _STY):
        if kind := mapping.semantic_types.get(row["TUI"]):
            kinds.setdefault(row["CUI"], kind)
            source.left_out["a semantic type, read for the kind"] += 1
        else:
            source.left_out[f"semantic type {row['TUI']} ({row['STY']}) is not used"] += 1
    return kinds


def _concepts(path: Path, mapping: RrfMapping, kinds: dict[str, Kind], source: Source) -> tuple[dict[str, Term], dict[str, str]]:
    """Terms by CUI, and the names of brands by CUI."""
    atoms: dict[str, list[_Atom]] = defaultdict(list)
    codes: dict[str, dict[str, None]] = defaultdict(dict)
    left = source.left_out
    for where, row in _rows(path, _CONSO):
        cui = row["CUI"]
        if row["LAT"] != "ENG":
            left["a name in another language than English"] += 1
        elif row["SUPPRESS"] not in ("N", ""):
            left["a name that is suppressed"] += 1
        elif mapping.semantic_types and cui not in kinds:
            left["a name of a concept whose semantic type is not used"] += 1
        elif mapping.vocabularies and row["SAB"] not in mapping.vocabularies:
            left[f"a name of the vocabulary {row['SAB']}, not used"] += 1
        elif not row["STR"].strip():
            raise KnowledgeError(f"{where}: {cui} has an empty name")
        else:
            if row["SAB"] in mapping.code_prefixes:
                prefix = mapping.code_prefixes[row["SAB"]]
                codes[cui][f"{prefix}:{row['CODE']}" if prefix else row["CODE"]] = None
            if mapping.names and row["TTY"] not in mapping.names:
                left[f"a name of the type {row['TTY']}, not used"] += 1
                continue
            rank = (row["TS"] != "P", row["STT"] != "PF", row["ISPREF"] != "Y", bool(mapping.vocabularies) and row["SAB"] != mapping.vocabularies[0])
            atoms[cui].append(_Atom(where, " ".join(row["STR"].split()), rank, row["TTY"] == "BN"))
    terms, brands = {}, {}
    for cui, named in atoms.items():
        best = min(named, key=lambda a: a.rank)
        if mapping.brands and all(a.is_brand for a in named):
            brands[cui] = best.name
            left["a brand name; see the relations"] += len(named)
            continue
        kind = kinds.get(cui) or mapping.kind
        if kind is None:
            raise KnowledgeError(f"{best.where}: {cui} has no kind; the mapping needs `kind` or `semantic_types`")
        synonyms = tuple(dict.fromkeys(a.name for a in named if a.name != best.name))
        identifier = f"{mapping.prefix}:{cui}"
        # DO and SYMP call the Metathesaurus UMLS_CUI.
        also = (*codes[cui], *((f"UMLS_CUI:{cui}",) if mapping.prefix == "UMLS" else ()))
        terms[cui] = Term(best.where, identifier, best.name, kind, mapping.publisher, synonyms, xrefs=also, rows=len(named))
    return terms, brands


def _pairs(path: Path, release: _Release, mapping: RrfMapping, terms: dict[str, Term], brands: dict[str, str], source: Source) -> list[Pair]:
    found: list[Pair] = []
    left: Counter[str] = source.left_out
    for where, row in _rows(path, release.relation_columns):
        relation = mapping.relations.get(row["RELA"])
        subject, object_ = terms.get(row["CUI2"]), terms.get(row["CUI1"])
        if row["SUPPRESS"] not in ("N", ""):
            left["a relation that is suppressed"] += 1
        elif mapping.brands and row["RELA"] == mapping.brands and row["CUI2"] in brands:
            left["a brand's ingredient, read for the name"] += 1
        elif relation is None:
            left[f"relation {row['RELA'] or row['REL']} is not used"] += 1
        elif subject is None or object_ is None:
            left["a relation of a concept that is not used"] += 1
        elif subject is object_:
            left["a relation of a concept to itself"] += 1
        else:
            found.append(Pair(where, subject, relation, object_, f"{mapping.publisher} ({row['SAB']})"))
    return found


def _brand_names(path: Path, release: _Release, mapping: RrfMapping, brands: dict[str, str], terms: dict[str, Term]) -> dict[str, list[str]]:
    """Brand names by the ingredient's CUI; a brand of several ingredients names none of them."""
    ingredients: dict[str, set[str]] = defaultdict(set)
    if mapping.brands:
        for _, row in _rows(path, release.relation_columns):
            if row["RELA"] == mapping.brands and row["CUI2"] in brands and row["SUPPRESS"] in ("N", "") and row["CUI1"] in terms:
                ingredients[row["CUI2"]].add(row["CUI1"])
    names: dict[str, list[str]] = defaultdict(list)
    for brand, found in sorted(ingredients.items()):
        if len(found) == 1:
            names[next(iter(found))].append(brands[brand])
    return names


def _rows(path: Path, columns: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            for number, line in enumerate(stream, start=1):
                where = f"{path.name}:{number}"
                cells = line.rstrip("\r\n").split("|")
                # Every cell, the last one too, is ended by a bar.
                if not line.endswith("\n") or len(cells) != len(columns) + 1:
                    raise KnowledgeError(f"{where}: {len(cells) - 1} cells, {path.name} has {len(columns)}; the file is damaged or cut off")
                row = dict(zip(columns, cells, strict=False))
                for column in columns:
                    if column.startswith("CUI") and not row[column]:
                        raise KnowledgeError(f"{where}: {column} is empty")
                yield where, row
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"{path.name} is not UTF-8: {error.reason}") from error
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}") from error
