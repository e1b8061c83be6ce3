"""Reads the built-in knowledge base: TSV files that a clinician can review in a diff (`core/knowledge/base/`).

Fact rows carry ids and labels; a label that is not the concept's own is an error, so that a wrong id cannot hide behind a right name.
"""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import KnowledgeError
from core.knowledge.graph import Concept, Dose, Fact, Graph, Kind
from core.types import Relation

BASE = Path(__file__).parent / "base"


@dataclass(frozen=True, slots=True)
class Row:
    where: str
    """`file:line`."""
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def load_base(folder: Path = BASE) -> Graph:
    """The graph of `folder`. Raises KnowledgeError naming file and line of the first bad row."""
    concepts = {c.id: c for c in _concepts(folder)}
    return Graph(concepts.values(), _facts(folder, concepts))


def _concepts(folder: Path) -> Iterator[Concept]:
    seen: dict[str, str] = {}
    for kind, name in (
        (Kind.CONDITION, "conditions"),
        (Kind.SYMPTOM, "symptoms"),
        (Kind.DRUG, "drugs"),
        (Kind.INVESTIGATION, "investigations"),
        (Kind.CONTEXT, "contexts"),
    ):
        group_column = {Kind.DRUG: "drug_class", Kind.CONTEXT: "kind", Kind.SYMPTOM: "kind"}.get(kind)
        columns = ["id", "label", "synonyms", "source", *([group_column] if group_column else []), *(["allergy_class"] if kind is Kind.DRUG else [])]
        for row in _rows(folder / f"{name}.tsv", columns, may_be_empty={"synonyms", "allergy_class"}):
            if row["id"] in seen:
                raise KnowledgeError(f"{row.where}: id {row['id']!r} stands already at {seen[row['id']]}")
            seen[row["id"]] = row.where
            yield Concept(
                id=row["id"],
                label=row["label"],
                kind=kind,
                synonyms=tuple(filter(None, row["synonyms"].split("|"))),
                source=row["source"],
                group=row[group_column] if group_column else "",
                allergy=row["allergy_class"] if kind is Kind.DRUG else "",
            )
    yield from _classes(folder)


def _classes(folder: Path) -> Iterator[Concept]:
    """Each class that drugs.tsv names; the source is that of its first drug."""
    found: dict[str, Concept] = {}
    for row in _rows(folder / "drugs.tsv", ["drug_class", "source"], may_be_empty=()):
        concept = Concept(class_id(row["drug_class"]), row["drug_class"], Kind.CLASS, (), row["source"])
        found.setdefault(concept.id, concept)
    yield from found.values()


def class_id(drug_class: str) -> str:
    """Our own id: no free vocabulary has these classes. Case and punctuation do not make another class."""
    return f"CLASS:{re.sub(r'[^a-z0-9]+', '_', drug_class.lower()).strip('_')}"


def _facts(folder: Path, concepts: dict[str, Concept]) -> Iterator[Fact]:
    def ends(row: Row, subject: str, object_: str) -> tuple[str, str]:
        for column, label_column in ((subject, subject.removesuffix("_id")), (object_, object_.removesuffix("_id"))):
            concept = concepts.get(row[column])
            if concept is None:
                raise KnowledgeError(f"{row.where}: unknown {column} {row[column]!r}")
            if concept.label != row[label_column]:
                raise KnowledgeError(f"{row.where}: {row[column]} is {concept.label!r}, not {row[label_column]!r}")
        return row[subject], row[object_]

    def pairs(name: str, subject: str, object_: str, *more: str, may_be_empty: Collection[str] = ()) -> Iterator[tuple[Row, str, str]]:
        columns = [f"{subject}_id", subject, f"{object_}_id", object_, *more, "source"]
        for row in _rows(folder / f"{name}.tsv", columns, may_be_empty):
            yield row, *ends(row, f"{subject}_id", f"{object_}_id")

    for row in _rows(folder / "drugs.tsv", ["id", "drug_class", "source"], may_be_empty=()):
        yield Fact(row["id"], Relation.IS_A, class_id(row["drug_class"]), row["source"], row.where)
    for row, a, b in pairs("has_symptom", "condition", "symptom"):
        yield Fact(a, Relation.HAS_SYMPTOM, b, row["source"], row.where)
    for row, a, b in pairs("red_flag", "condition", "symptom", "action"):
        yield Fact(a, Relation.RED_FLAG, b, row["source"], row.where, detail=row["action"])
    for row, a, b in pairs("investigated_by", "condition", "investigation"):
        yield Fact(a, Relation.INVESTIGATED_BY, b, row["source"], row.where)
    for row, a, b in pairs("treated_by", "condition", "drug", "line"):
        yield Fact(a, Relation.TREATED_BY, b, row["source"], row.where, line=_one_of(row, "line", {"first", "alternative"}))
    forbidden = set()
    for row, a, b in pairs("contraindicated_in", "drug", "object", "note", "kind", may_be_empty={"note"}):
        forbidden.add((a, b))
        yield Fact(a, Relation.CONTRAINDICATED_IN, b, row["source"], row.where, detail=row["note"])
    for drug in concepts.values():
        # An allergy to a class rules out each of its members, whether or not a row spells it out.
        if drug.allergy and (drug.id, drug.allergy) not in forbidden:
            if drug.allergy not in concepts:
                raise KnowledgeError(f"drugs.tsv: {drug.label} has the unknown allergy class {drug.allergy!r}")
            yield Fact(drug.id, Relation.CONTRAINDICATED_IN, drug.allergy, concepts[drug.allergy].source, "drugs.tsv", detail="same class")
    for row, a, b in pairs("interacts_with", "drug_a", "drug_b", "severity", "effect"):
        severity = _one_of(row, "severity", {"critical", "significant"})
        yield Fact(a, Relation.INTERACTS_WITH, b, row["source"], row.where, severity=severity, detail=row["effect"])
    dose_columns = ["drug_id", "drug", "indication", "route", "low", "high", "unit", "interval", "max_per_day", "source"]
    for row in _rows(folder / "dose.tsv", dose_columns, may_be_empty={"max_per_day"}):
        ends(row, "drug_id", "drug_id")
        dose = _dose(row)
        yield Fact(row["drug_id"], Relation.DOSE, str(dose), row["source"], row.where, dose=dose)


def _dose(row: Row) -> Dose:
    try:
        low, high = float(row["low"]), float(row["high"])
        most = float(row["max_per_day"]) if row["max_per_day"] else None
    except ValueError as error:
        raise KnowledgeError(f"{row.where}: {error}") from None
    if not 0 < low <= high:
        raise KnowledgeError(f"{row.where}: a dose range needs 0 < low <= high, not {low:g} to {high:g}")
    return Dose(low, high, row["unit"], row["interval"], row["route"], row["indication"], most)


def _one_of(row: Row, column: str, allowed: set[str]) -> str:
    if row[column] not in allowed:
        raise KnowledgeError(f"{row.where}: {column} must be one of {sorted(allowed)}, not {row[column]!r}")
    return row[column]


def _rows(path: Path, columns: list[str], may_be_empty: Collection[str]) -> Iterator[Row]:
    try:
        stream = path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        reader = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            header = next(reader, [])
            if missing := [c for c in columns if c not in header]:
                raise KnowledgeError(f"{path.name}:1: missing column {missing[0]!r}")
            for cells in reader:
                where = f"{path.name}:{reader.line_num}"
                if len(cells) != len(header):
                    raise KnowledgeError(f"{where}: {len(cells)} cells, the header has {len(header)}")
                row = Row(where, dict(zip(header, cells, strict=True)))
                for column in columns:
                    if not row[column] and column not in may_be_empty:
                        raise KnowledgeError(f"{where}: {column} is empty")
                yield row
        except UnicodeDecodeError as error:
            raise KnowledgeError(f"{path.name} is not UTF-8: {error.reason}") from error
