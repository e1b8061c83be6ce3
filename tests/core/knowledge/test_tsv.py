"""Tables with a declared mapping: what is read, and that the first bad row is named."""

from pathlib import Path

import pytest

from core.errors import KnowledgeError
from core.knowledge import loaders
from core.knowledge.graph import Kind
from core.knowledge.loaders.records import Pair, Term
from core.types import Relation
from tests.core.knowledge.sources import PAIR, imported, written

TERMS = (
    "id\tlabel\tsubClassOf\n"
    + '"DOID:9000005"\t"late flurbosis"\t"flurbosis"\n'
    + "DOID:9000005\tlate flurbosis\tgland disease\n"
    + "DOID:9000002\tgland disease\tdisease\n"
)
"""The shape of HumanDO.tsv, quoted or not."""
PAIRS = "drug_a\tdrug_b\tseverity\teffect\nZOLEX\tquorizone\tsevere\tmore hiccups\nzolimab\tnewdrug\tmoderate\tsneezing\n"


def test_a_row_for_each_parent_makes_one_term_with_both(tmp_path: Path) -> None:
    text = TERMS.replace('flurbosis"\n', 'gland disease"\n', 1).replace("\tgland disease\n", "\tdisease\n", 1)
    graph = imported(tmp_path, {"terms.tsv": text}).graph
    assert set(graph.ancestors("DOID:9000005")) == {"DOID:9000002", "DOID:4"}
    assert graph.label("DOID:4") == "disease"


def test_cells_come_out_of_spreadsheet_and_sparql_quotes(tmp_path: Path) -> None:
    text = '?term\t?term_label\t?layperson\n<http://purl.obolibrary.org/obo/HP_9000001>\t"Knobby ""toe"""@en\t"Toe  knob"\n'
    (source,) = loaders.read(written(tmp_path, {"lay.tsv": text})).sources
    (term,) = source.entries
    assert isinstance(term, Term)
    assert (term.id, term.label, term.synonyms) == ("HP:9000001", 'Knobby "toe"', ("Toe knob",))


def test_a_hospitals_table_is_read_by_the_mapping_beside_it(tmp_path: Path) -> None:
    (source,) = loaders.read(written(tmp_path, {"pairs.tsv": PAIRS, "pairs.toml": PAIR})).sources
    first = source.entries[0]
    assert isinstance(first, Pair)
    assert (first.where, first.relation, first.severity, first.detail) == ("pairs.tsv:2", Relation.INTERACTS_WITH, "critical", "more hiccups")
    assert (first.subject.label, first.subject.kind, first.source) == ("ZOLEX", Kind.DRUG, "St. Elsewhere")


def test_the_mapping_may_be_named_instead_of_the_table(tmp_path: Path) -> None:
    written(tmp_path, {"pairs.tsv": PAIRS, "pairs.toml": PAIR})
    assert [s.file for s in loaders.read([tmp_path / "pairs.toml"]).sources] == ["pairs.tsv"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PAIRS.replace("severity", "grade"), "pairs.tsv:1: missing column 'severity'"),
        (PAIRS.replace("\tmore hiccups", ""), "pairs.tsv:2: 3 cells, the header has 4"),
        (PAIRS.replace("newdrug", " "), "pairs.tsv:3: drug_b is empty"),
        (PAIRS.replace("moderate", "dire"), r"pairs.tsv:3: severity must be one of \['severe', 'moderate'\], not 'dire'"),
        (PAIRS.replace("ZOLEX", '"ZOLEX'), "pairs.tsv:2: the cell .* quote that is not closed"),
        ("", "pairs.tsv:1: "),
        (PAIRS.replace("effect\n", "effect\tseverity\n").replace("s\n", "s\tsevere\n"), "pairs.tsv:1: column 'severity' stands there twice"),
    ],
)
def test_the_first_bad_row_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(KnowledgeError, match=f"^{says}"):
        imported(tmp_path, {"pairs.tsv": text, "pairs.toml": PAIR})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TERMS.replace('"late flurbosis"', '"later flurbosis"'), "terms.tsv:3: id 'DOID:9000005' stands already at terms.tsv:2 as 'later flurbosis'"),
        (TERMS.replace('"late flurbosis"', '""'), "terms.tsv:2: label is empty"),
        (TERMS.replace("\tdisease\n", "\tlate flurbosis\n"), "terms.tsv:\\d: is_a goes in a circle"),
        (TERMS.replace("\tdisease\n", "\tgland disease\n"), "terms.tsv:4: is_a goes in a circle: 'gland disease' is a kind of itself"),
        (TERMS.replace("\tlate flurbosis\t", "\t---\t"), "terms.tsv:3: label '---' has neither letter nor digit"),
        (TERMS.replace("\tdisease\n", "\tunheard of\n"), "terms.tsv:4: 'DOID:9000002' is a kind of 'unheard of', which no source has"),
        (TERMS.replace("subClassOf", "parent"), "terms.tsv:1: no mapping has this header .*lacks 'subClassOf'"),
    ],
)
def test_a_bad_term_is_named(tmp_path: Path, text: str, says: str) -> None:
    # "flurbosis" is a label of this very table in the real one
    text = text.replace('"flurbosis"', '"gland disease"')
    with pytest.raises(KnowledgeError, match=f"^{says}"):
        imported(tmp_path, {"terms.tsv": text})


@pytest.mark.parametrize(
    ("find", "replace", "says"),
    [
        ('severity = "severity"\n', "", "fact: interacts_with needs a severity column"),
        ('"effect"]', '"outcome"]', "'effect' is not among the columns"),
        ('relation = "interacts_with"', 'relation = "likes"', "fact.relation: "),
        ('relation = "interacts_with"', 'relation = "dose"', "fact: doses cannot be imported"),
        ('publisher = "St. Elsewhere"\n', "", "publisher: Field required"),
        ("[fact]", "[facts]", "facts: "),
        ('kind = "drug"', "kind = ", "cannot be read as TOML"),
        ('label = "drug_b"\nprefix = "ELSE"', 'label = "drug_b"', "object|needs an id column"),
    ],
)
def test_a_wrong_mapping_is_named_by_file_and_field(tmp_path: Path, find: str, replace: str, says: str) -> None:
    assert find in PAIR
    with pytest.raises(KnowledgeError, match=f"^pairs.toml.*({says})"):
        imported(tmp_path, {"pairs.tsv": PAIRS, "pairs.toml": PAIR.replace(find, replace)})


def test_a_folder_takes_what_it_knows_and_lists_the_rest(tmp_path: Path) -> None:
    written(tmp_path, {"a/pairs.tsv": PAIRS, "a/pairs.toml": PAIR, "b/other.tsv": "x\ty\n1\t2\n", "b/notes.txt": "no"})
    found = loaders.read([tmp_path])
    assert [s.file for s in found.sources] == ["pairs.tsv"]
    assert [p.name for p in found.unknown] == ["other.tsv"]


def test_a_folder_of_which_nothing_is_known_is_refused(tmp_path: Path) -> None:
    written(tmp_path, {"other.tsv": "x\ty\n1\t2\n", "FOO.RRF": "a|\n"})
    with pytest.raises(KnowledgeError, match=r"^Nothing can be imported: no mapping fits .*other\.tsv"):
        loaders.read([tmp_path])
    with pytest.raises(KnowledgeError, match=r"neither UMLS .* nor RxNorm"):
        loaders.read([tmp_path / "FOO.RRF"])


def test_ids_that_do_not_follow_their_labels_are_told_by_elimination(tmp_path: Path) -> None:
    head = "label_part1\tlabel_part2\tseverity\tingredient_nui_1\tingredient_nui_2\tinteraction_nui\n"
    rows = "A\tB\tCritical\tN2\tN1\tX\n" + "A\tC\tSignificant\tN1\tN3\tX\n" + "D\tE\tCritical\tN4\tN5\tX\n"
    (source,) = loaders.read(written(tmp_path, {"ddi.tsv": head + rows})).sources
    told = {t.label: t.id for p in source.entries if isinstance(p, Pair) for t in (p.subject, p.object)}
    assert told == {"a": "N1", "b": "N2", "c": "N3", "d": "", "e": ""}
    assert "the id of D, E cannot be told" in source.notes[-1]
