"""The public files that the product names, merged with the built-in base: every row accounted for, and chat none the worse."""

from pathlib import Path
from typing import NamedTuple

import pytest

from core.knowledge import Knowledge, builtin, loaders
from core.knowledge.merge import Merged, merge
from core.knowledge.names import normal
from core.types import Relation

ROWS = {"HumanDO.tsv": 12296, "symp.obo": 1020, "layperson-synonyms.tsv": 7186, "disease-symptom.tsv": 2222, "ndfrt_interactions.tsv": 5265}


class Public(NamedTuple):
    merged: Merged
    known: Knowledge


@pytest.fixture(scope="module")
def public(shared_data: Path) -> Public:
    paths = [shared_data / "symptom_ontology", shared_data / "hpo", shared_data / "ndfrt_ddi", *(shared_data / "disease_ontology").glob("[HIMd]*.tsv")]
    merged = merge(loaders.read(paths).sources, builtin().graph, builtin())
    return Public(merged, Knowledge.of(merged.graph))


def test_every_row_has_one_outcome(public: Public) -> None:
    counts = {s.file: (s.row_count, sum(s.rows.values())) for s in public.merged.report.sources}
    assert {f: counts[f] for f in ROWS} == {f: (n, n) for f, n in ROWS.items()}
    assert all(rows == outcomes for rows, outcomes in counts.values())


def test_all_of_the_disease_ontology_is_there_with_its_parents(public: Public, shared_data: Path) -> None:
    graph = public.merged.graph
    rows = [line.split("\t") for line in (shared_data / "disease_ontology" / "HumanDO.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    labels = {identifier.strip('"'): label.strip('"') for identifier, label, _ in rows}
    ids = {normal(label): identifier for identifier, label in labels.items()} | {"disease": "DOID:4"}
    homes = {}
    for identifier in (*labels, "DOID:4"):
        concept = graph.find(identifier)
        assert concept is not None, identifier
        homes[identifier] = concept.id
    for identifier, _, parent in rows:
        assert graph.fact(homes[identifier.strip('"')], Relation.IS_A, homes[ids[normal(parent.strip('"'))]]) is not None, parent


def test_every_disease_symptom_pair_is_a_fact(public: Public, shared_data: Path) -> None:
    graph = public.merged.graph
    for line in (shared_data / "disease_ontology" / "disease-symptom.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        disease, _, symptom, _ = line.split("\t")
        a, b = graph.find(disease), graph.find(symptom)
        assert a is not None
        assert b is not None
        assert graph.fact(a.id, Relation.HAS_SYMPTOM, b.id) is not None, line


def test_no_interaction_of_the_base_became_milder(public: Public) -> None:
    graph, worse = public.merged.graph, 0
    for fact in builtin().graph.facts:
        if fact.relation is Relation.INTERACTS_WITH:
            now = graph.interaction(fact.subject, fact.object)
            assert now is not None
            assert (fact.severity, now.severity) != ("critical", "significant")
            worse += fact.severity != now.severity
            assert fact.severity == now.severity or any(a.startswith("significant: ") for a in now.also)
    assert worse == 9


def test_merging_takes_nothing_from_the_base(public: Public) -> None:
    graph = public.merged.graph
    for concept in builtin().graph.concepts.values():
        now = graph.concept(concept.id)
        assert (now.label, now.kind) == (concept.label, concept.kind)
        assert set(concept.names) <= set(now.names)
    kept = {(f.subject, f.relation, f.object) for f in graph.facts}
    assert all((f.subject, f.relation, f.object) in kept or f.relation is Relation.INTERACTS_WITH for f in builtin().graph.facts)


def test_the_bases_names_mean_in_text_what_they_meant(public: Public) -> None:
    for concept in builtin().graph.concepts.values():
        for name in concept.names:
            before = builtin().linker.mentions(name)
            after = public.known.linker.mentions(name)
            assert [(m.start, m.end, m.concepts[0].id) for m in after] == [(m.start, m.end, m.concepts[0].id) for m in before], name


@pytest.mark.parametrize(
    "text",
    [
        "He has an aspirin allergy.",
        "She is allergic to amoxicillin, and had a co-trimoxazole allergy.",
        "The patient has pregnancy associated hypertension.",
        "Crushing chest pain on exertion, frontal headache, severe diarrhea.",
        "Take no vitamin D with vitamin D deficiency.",
        "The disease is severe.",
        "Back to bed with a cold drink.",
        "All doors closed, they played ball.",
        "Blood pressure and potassium are fine.",
        "After discharge he falls ill.",
    ],
)
def test_neither_plain_words_nor_what_the_safety_rules_look_for_read_otherwise(public: Public, text: str) -> None:
    after, before = public.known.linker.mentions(text), builtin().linker.mentions(text)
    assert [(m.text, m.concepts[0].id) for m in after] == [(m.text, m.concepts[0].id) for m in before]


def test_the_forms_of_a_condition_inherit_what_rules_a_drug_out(public: Public) -> None:
    graph = public.merged.graph
    allergic = graph.find("DOID:9415")
    assert allergic is not None
    rule = graph.contraindication("C07AA05", allergic.id)
    assert rule is not None
    assert "asthma" in graph.sentence(rule)


def test_an_import_of_the_same_file_again_changes_nothing(shared_data: Path) -> None:
    sources = loaders.read([shared_data / "symptom_ontology"]).sources
    once = merge(sources, builtin().graph, builtin())
    assert merge(sources, once.graph, builtin()).graph.version == once.graph.version != builtin().graph.version
