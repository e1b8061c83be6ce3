"""OBO files: what is read from a term, and that a damaged file is named by file and line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import KnowledgeError
from core.knowledge import Knowledge, loaders
from core.knowledge.loaders.records import Term, Withdrawn
from core.knowledge.merge import merge
from tests.core.knowledge.sources import OBO, imported, written


def test_a_term_is_read_with_everything_that_names_it(tmp_path: Path) -> None:
    (source,) = loaders.read(written(tmp_path, {"made.obo": OBO})).sources
    gland, acute, old = source.entries
    assert isinstance(gland, Term)
    assert isinstance(acute, Term)
    assert (gland.where, gland.label, gland.synonyms, gland.xrefs) == ("made.obo:5", "gland disease", ("disorder of the gland",), ("MESH:D900002",))
    assert (acute.also_ids, acute.parents) == (("DOID:9000033",), ("DOID:9000001", "DOID:9000002"))
    assert gland.source == "Disease Ontology 2026-01-02"
    assert old == Withdrawn("made.obo:19", "DOID:9000004", "DOID:9000003")


def test_parents_become_is_a_and_withdrawn_ids_lead_on(tmp_path: Path) -> None:
    graph = imported(tmp_path, {"made.obo": OBO}).graph
    assert graph.ancestors("DOID:9000003") == ("DOID:9000001", "DOID:9000002")
    replaced = graph.find("DOID:9000004")
    assert replaced is not None
    assert replaced.id == "DOID:9000003"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OBO[:-40], r"made.obo:2\d: the file ends in the middle of a line"),
        (OBO.replace("replaced_by: DOID:9000003\n\n", ""), r"made.obo:22: the file ends inside a stanza"),
        (OBO.replace('"disorder of the gland" EXACT', '"disorder of the gland EXACT'), r"made.obo:9: .*damaged or cut off"),
        (OBO.replace("name: gland disease\n", ""), r"made.obo:5: DOID:9000002 has no name"),
        (OBO.replace("name: gland disease", "name:  "), r"made.obo:\d: "),
        (OBO.replace("id: DOID:9000003", "id: DOID:9000002"), r"made.obo:12: id 'DOID:9000002' stands already at made.obo:5"),
        (OBO.replace("is_a: DOID:9000002", "is_a: DOID:9000009"), r"made.obo:12: 'DOID:9000003' is a kind of 'DOID:9000009', which no source has"),
        (OBO.replace("xref: MESH:D900002\n", "is_a: DOID:9000003\n"), r"made.obo:\d+: is_a goes in a circle: .*DOID:9000003.*made.obo:5"),
        (OBO.replace("is_a: DOID:9000002", "is_a: DOID:9000003"), r"made.obo:12: is_a goes in a circle: 'DOID:9000003' is a kind of itself"),
    ],
)
def test_a_damaged_file_is_named_by_file_and_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(KnowledgeError, match=says):
        imported(tmp_path, {"made.obo": text})


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "made.obo").write_bytes(OBO.encode().replace(b"gland", b"\xff\xfe"))
    with pytest.raises(KnowledgeError, match=r"made\.obo is not UTF-8"):
        loaders.read([tmp_path / "made.obo"])


@given(st.integers(1, len(OBO) - 1))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere_but_between_stanzas_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    cut = OBO[:length]
    if cut.endswith("\n\n"):  # a smaller file, and a whole one
        return
    with pytest.raises(KnowledgeError, match=r"^made\.obo:"):
        imported(tmp_path_factory.mktemp("cut"), {"made.obo": cut})


def test_a_real_ontology_cut_short_is_refused(tmp_path: Path, shared_data: Path, knowledge: Knowledge) -> None:
    """One of these cuts falls between two stanzas: there the merge misses a parent."""
    whole = (shared_data / "symptom_ontology" / "symp.obo").read_bytes()
    for length in range(20_001, len(whole), 10_007):
        (tmp_path / "symp.obo").write_bytes(whole[:length])
        with pytest.raises(KnowledgeError, match=r"^symp\.obo:\d+: "):
            merge(loaders.read([tmp_path / "symp.obo"]).sources, knowledge.graph, knowledge)


def test_an_unknown_vocabulary_needs_a_declaration_beside_it(tmp_path: Path) -> None:
    text = OBO.replace("DOID:", "ELSE:").replace("is_a: ELSE:9000001 ! flurbosis\n", "")
    with pytest.raises(KnowledgeError, match=r"no mapping has the prefix 'ELSE'; put made.toml beside it"):
        imported(tmp_path, {"made.obo": text})
    beside = 'publisher = "St. Elsewhere"\nprefix = "ELSE"\nkind = "condition"\n'
    assert "ELSE:9000002" in imported(tmp_path, {"made.obo": text, "made.toml": beside}).graph.concepts
