"""The built-in base: whole, referenced, and true to the public vocabularies that its ids come from."""

import csv
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from core.errors import KnowledgeError
from core.knowledge import Knowledge
from core.knowledge.base_loader import BASE, load_base
from core.knowledge.graph import Kind
from core.types import Relation


def test_the_base_is_as_large_as_promised(knowledge: Knowledge) -> None:
    counts = Counter(c.kind for c in knowledge.graph.concepts.values())
    assert counts[Kind.CONDITION] >= 120
    assert counts[Kind.DRUG] >= 150
    assert counts[Kind.SYMPTOM] >= 120
    relations = Counter(f.relation for f in knowledge.graph.facts)
    assert set(relations) >= set(Relation) - {Relation.IS_A}
    assert relations[Relation.CONTRAINDICATED_IN] >= 200
    assert relations[Relation.INTERACTS_WITH] >= 100
    assert relations[Relation.DOSE] >= 150


def test_every_concept_and_fact_names_its_source(knowledge: Knowledge) -> None:
    assert all(c.source for c in knowledge.graph.concepts.values())
    assert all(f.source and f.row for f in knowledge.graph.facts)


def test_every_condition_has_symptoms(knowledge: Knowledge) -> None:
    bare = [c.label for c in knowledge.graph.of_kind(Kind.CONDITION) if len(knowledge.graph.facts_from(c.id, Relation.HAS_SYMPTOM)) < 2]
    assert bare == []


def test_no_condition_is_treated_by_a_drug_that_it_rules_out(knowledge: Knowledge) -> None:
    treated = [f for f in knowledge.graph.facts if f.relation is Relation.TREATED_BY]
    assert [knowledge.graph.sentence(f) for f in treated if knowledge.graph.contraindication(f.object, f.subject)] == []


def test_no_name_belongs_to_two_concepts_of_one_kind(knowledge: Knowledge) -> None:
    names = Counter((c.kind, name.lower()) for c in knowledge.graph.concepts.values() for name in c.names)
    assert [name for name, count in names.items() if count > 1] == []


def test_drug_ids_are_atc_codes(knowledge: Knowledge) -> None:
    assert [c.id for c in knowledge.graph.of_kind(Kind.DRUG) if not re.fullmatch(r"[A-Z]\d{2}[A-Z]{2}\d{2}", c.id)] == []


def test_disease_ontology_ids_carry_their_own_labels(knowledge: Knowledge, shared_data: Path) -> None:
    with (shared_data / "disease_ontology" / "HumanDO.tsv").open(encoding="utf-8", newline="") as stream:
        labels = {row["id"]: row["label"] for row in csv.DictReader(stream, delimiter="\t")}
    assert {c.id: c.label for c in knowledge.graph.of_kind(Kind.CONDITION) if labels.get(c.id) != c.label} == {}


def test_symptom_ids_carry_their_own_labels(knowledge: Knowledge, shared_data: Path) -> None:
    stanzas = (shared_data / "symptom_ontology" / "symp.obo").read_text(encoding="utf-8").split("[Term]")[1:]
    labels = {_tag(s, "id"): _tag(s, "name") for s in stanzas if "is_obsolete: true" not in s}
    for name in ("layperson-synonyms.tsv", "hp-de-not-translated.babelon.tsv"):
        path = shared_data / "hpo" / name
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                if match := re.search(r'HP[_:](\d{7})>?\t+"?([^"\t]+)"?', line):
                    labels.setdefault(f"HP:{match[1]}", match[2])
    assert {c.id: c.label for c in knowledge.graph.of_kind(Kind.SYMPTOM) if labels.get(c.id) != c.label} == {}


def _tag(stanza: str, tag: str) -> str:
    match = re.search(rf"^{tag}: (.+)$", stanza, re.M)
    return match[1].strip() if match else ""


@pytest.mark.parametrize(
    ("file", "find", "replace", "says"),
    [
        ("conditions.tsv", "id\tlabel", "id\tname", "missing column 'label'"),
        ("dose.tsv", "\tmg\t", "\t\t", "unit is empty"),
        ("treated_by.tsv", "\tfirst\t", "\tprimary\t", "line must be one of"),
        ("has_symptom.tsv", "DOID:", "DOID:9", "unknown condition_id"),
        ("drugs.tsv", "\tWHO ATC index", "", "cells, the header has"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, file: str, find: str, replace: str, says: str) -> None:
    folder = tmp_path / "base"
    shutil.copytree(BASE, folder)
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(find, replace, 1), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=rf"^{file}:\d+: .*{says}"):
        load_base(folder)


def test_a_label_that_is_not_the_ids_own_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(BASE, folder)
    path = folder / "has_symptom.tsv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    cells = first.split("\t")
    cells[1] = "another disease"
    path.write_text("\n".join([header, "\t".join(cells), *rest]), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"has_symptom.tsv:2: .* not 'another disease'"):
        load_base(folder)
