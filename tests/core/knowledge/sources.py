"""Small files in the public formats, with made-up content."""

from collections.abc import Mapping
from pathlib import Path

from core.knowledge import Knowledge, loaders
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.knowledge.merge import Merged, merge
from core.types import Relation

FLURB, GLAND, ITCH = "DOID:9000001", "DOID:9000002", "SYMP:9000001"
ZOLIMAB, ZOLIC = "X01AA01", "ALLERGY:zolic"
NSAID = "CLASS:zolimide"

BASE = Knowledge.of(
    Graph(
        [
            Concept(FLURB, "flurbosis", Kind.CONDITION, ("flurb disease",), "made up"),
            Concept(ITCH, "inner itch", Kind.SYMPTOM, (), "made up"),
            Concept(ZOLIMAB, "zolimab", Kind.DRUG, ("Zolex",), "made up", group="zolimide"),
            Concept("X01AA02", "quorizone", Kind.DRUG, (), "made up"),
            Concept(NSAID, "zolimide", Kind.CLASS, (), "made up"),
            Concept(ZOLIC, "zolic allergy", Kind.CONTEXT, (), "made up"),
        ],
        [
            Fact(FLURB, Relation.HAS_SYMPTOM, ITCH, "made up", "base.tsv:2"),
            Fact(ZOLIMAB, Relation.IS_A, NSAID, "made up", "base.tsv:3"),
            Fact(ZOLIMAB, Relation.CONTRAINDICATED_IN, FLURB, "made up", "base.tsv:4"),
            Fact(NSAID, Relation.CONTRAINDICATED_IN, ZOLIC, "made up", "base.tsv:5"),
            Fact(ZOLIMAB, Relation.INTERACTS_WITH, "X01AA02", "made up", "base.tsv:6", severity="significant", detail="hiccups"),
        ],
    )
)

OBO = """format-version: 1.2
data-version: releases/2026-01-02/made.obo
ontology: made

[Term]
id: DOID:9000002
name: gland disease
synonym: "disorder of the gland" EXACT []
synonym: "glandular thing" RELATED []
xref: MESH:D900002

[Term]
id: DOID:9000003
name: acute flurbosis
alt_id: DOID:9000033
is_a: DOID:9000001 ! flurbosis
is_a: DOID:9000002 ! gland disease

[Term]
id: DOID:9000004
name: obsolete old flurbosis
is_obsolete: true
replaced_by: DOID:9000003

"""

PAIR = """publisher = "St. Elsewhere"
columns = ["drug_a", "drug_b", "severity", "effect"]

[concept]
kind = "drug"
label = "drug_a"
prefix = "ELSE"

[object]
kind = "drug"
label = "drug_b"
prefix = "ELSE"

[fact]
relation = "interacts_with"
severity = "severity"
detail = "effect"
values = { "severe" = "critical", "moderate" = "significant" }
"""


def written(folder: Path, files: Mapping[str, str]) -> list[Path]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files if not name.endswith(".toml")]


def imported(folder: Path, files: Mapping[str, str], onto: Graph = BASE.graph) -> Merged:
    return merge(loaders.read(written(folder, files)).sources, onto, BASE)
