"""What merges with what, what does not, and what a conflict leaves behind."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.knowledge import Knowledge
from core.knowledge.difference import difference
from core.knowledge.graph import Graph, Kind
from core.knowledge.names import normal, stop_names
from core.types import Relation
from tests.core.knowledge.sources import BASE, FLURB, ITCH, OBO, PAIR, ZOLIMAB, imported

PAIRS = "drug_a\tdrug_b\tseverity\teffect\n"
TERMS = "id\tlabel\tsubClassOf\n"
LAY = "?term\t?term_label\t?layperson\n"


def lay(number: int, label: str, name: str) -> str:
    return f'<http://purl.obolibrary.org/obo/HP_{number}>\t"{label}"\t"{name}"\n'


def pair(graph: Graph) -> object:
    fact = graph.interaction(ZOLIMAB, "X01AA02")
    assert fact is not None
    return fact


def test_the_more_severe_of_two_severities_holds_and_both_are_kept(tmp_path: Path) -> None:
    merged = imported(tmp_path, {"pairs.tsv": PAIRS + "quorizone\tZolex\tsevere\t\n", "pairs.toml": PAIR})
    fact = merged.graph.interaction(ZOLIMAB, "X01AA02")
    assert fact is not None
    assert (fact.severity, fact.source, fact.row, fact.detail) == ("critical", "St. Elsewhere", "pairs.tsv:2", "hiccups")
    assert fact.also == ("significant: made up (base.tsv:6)",)
    assert "critical here, significant in made up (base.tsv:6); critical holds" in merged.report.conflicts[0]
    assert sum(f.relation is Relation.INTERACTS_WITH for f in merged.graph.facts) == 1


def test_a_milder_severity_changes_nothing_but_is_kept(tmp_path: Path) -> None:
    first = imported(tmp_path, {"pairs.tsv": PAIRS + "zolimab\tquorizone\tsevere\t\n", "pairs.toml": PAIR}).graph
    toml = PAIR.replace("St. Elsewhere", "Mercy")
    second = imported(tmp_path, {"more.tsv": PAIRS + "zolimab\tquorizone\tmoderate\t\n", "more.toml": toml}, first)
    fact = second.graph.interaction(ZOLIMAB, "X01AA02")
    assert fact is not None
    assert fact.severity == "critical"
    assert fact.also == ("significant: made up (base.tsv:6)", "significant: Mercy (more.tsv:2)")
    assert len(second.report.conflicts) == 1


def test_a_severity_that_a_row_corrects_upwards_holds(tmp_path: Path) -> None:
    before = imported(tmp_path, {"pairs.tsv": PAIRS + "zolimab\tquorizone\tmoderate\t\n", "pairs.toml": PAIR}).graph
    merged = imported(tmp_path, {"pairs.tsv": PAIRS + "zolimab\tquorizone\tsevere\t\n"}, before)
    fact = merged.graph.interaction(ZOLIMAB, "X01AA02")
    assert fact is not None
    assert fact.severity == "critical"
    assert len(merged.report.conflicts) == 1
    assert imported(tmp_path, {"pairs.tsv": PAIRS + "zolimab\tquorizone\tsevere\t\n"}, merged.graph).graph.version == merged.graph.version


def test_two_lines_of_one_treatment_are_a_conflict(tmp_path: Path) -> None:
    toml = 'publisher = "Us"\ncolumns = ["of", "drug", "line"]\n[concept]\nkind = "condition"\nlabel = "of"\nprefix = "ELSE"\n'
    toml += '[object]\nkind = "drug"\nlabel = "drug"\nprefix = "ELSE"\n[fact]\nrelation = "treated_by"\nline = "line"\n'
    rows = "of\tdrug\tline\nflurbosis\tquorizone\talternative\nflurbosis\tquorizone\tfirst\n"
    merged = imported(tmp_path, {"treats.tsv": rows, "treats.toml": toml})
    (fact,) = merged.graph.treatments(FLURB)
    assert fact.line == "alternative"
    assert merged.report.conflicts == ("treats.tsv:3: flurbosis and quorizone: first line here, alternative in Us (treats.tsv:2); alternative stays",)


def test_the_same_from_another_source_is_noted_once(tmp_path: Path) -> None:
    rows = "disease_id\tdisease_label\tsymptom_id\tsymptom_label\n" + f"{FLURB}\tflurbosis\t{ITCH}\tinner itch\n"
    once = imported(tmp_path, {"ds.tsv": rows})
    twice = imported(tmp_path, {"ds.tsv": rows}, once.graph)
    (fact,) = once.graph.facts_from(FLURB, Relation.HAS_SYMPTOM)
    assert (fact.source, fact.also) == ("made up", ("Disease Ontology (ds.tsv:2)",))
    assert twice.graph.version == once.graph.version
    assert difference(once.graph, twice.graph).is_empty


def test_names_merge_whatever_their_case_spelling_and_hyphens(tmp_path: Path) -> None:
    graph = imported(tmp_path, {"lay.tsv": LAY + lay(9000001, "Inner-Itch", "the inner scratchies")}).graph
    itch = graph.find("HP:9000001")
    assert itch is not None
    assert itch.id == ITCH
    assert itch.synonyms == ("the inner scratchies",)
    assert itch.source == "made up; Human Phenotype Ontology"


def test_letters_of_other_alphabets_make_other_names(tmp_path: Path) -> None:
    toml = 'publisher = "Us"\ncolumns = ["name"]\n[concept]\nkind = "condition"\nlabel = "name"\nprefix = "ELSE"\n'
    names = ["α-flurbosis", "β-flurbosis", "糖尿病", "高血压"]
    graph = imported(tmp_path, {"names.tsv": "\n".join(["name", *names, "Flürbosis"]), "names.toml": toml}).graph
    assert [c.label for c in graph.concepts.values() if c.id.startswith("ELSE:")] == names, "the last one is flurbosis"


def test_two_terms_of_one_vocabulary_never_merge_by_name(tmp_path: Path) -> None:
    graph = imported(tmp_path, {"terms.tsv": TERMS + "DOID:9000007\tflurb disease\tdisease\n"}).graph
    assert graph.concept("DOID:9000007") != graph.concept(FLURB)
    assert graph.concept("DOID:9000007").names == (), "as the name is the base's for flurbosis"


def test_a_classification_code_merges_nothing_and_a_shared_reference_nothing(tmp_path: Path) -> None:
    umls = OBO.replace("DOID:9000002\n", "DOID:9000002\nxref: ICD10CM:Z99\n").replace("is_a: DOID:9000002 ! gland disease\n", "")
    first = imported(tmp_path, {"made.obo": umls}).graph
    mondo = "format-version: 1.2\n\n[Term]\nid: MONDO:1\nname: other thing\nxref: ICD10CM:Z99\n\n[Term]\nid: MONDO:2\nname: third thing\nxref: MESH:D900002\n\n"
    graph = imported(tmp_path, {"mondo.obo": mondo}, first).graph
    assert "MONDO:1" in graph.concepts
    assert graph.find("MONDO:2") == graph.concept("DOID:9000002"), "one concept each has this MeSH heading"


def test_a_disease_ontologys_allergy_joins_the_context_of_that_name(tmp_path: Path) -> None:
    graph = imported(tmp_path, {"terms.tsv": TERMS + "DOID:9000008\tzolic allergy\tdisease\nDOID:9000009\tzolimab allergy\tzolic allergy\n"}).graph
    context = graph.find("DOID:9000008")
    assert context is not None
    assert context.kind is Kind.CONTEXT
    assert graph.contraindication(ZOLIMAB, "DOID:9000009") is not None, "as a kind of zolic allergy"


def test_names_that_would_mislead_in_text_are_kept_but_not_looked_for(tmp_path: Path) -> None:
    rows = "".join(
        [
            "DOID:9100001\tsyndrome\tdisease\n",
            "DOID:9100002\tzolimab resistance\tdisease\n",
            "DOID:9100003\tBALL\tdisease\n",
            "DOID:9100004\tacute flurbosis\tflurbosis\n",
            f"{FLURB}\tflurbosis\tdisease\n",
        ]
    )
    merged = imported(tmp_path, {"terms.tsv": TERMS + rows, "lay.tsv": LAY + lay(9000002, "Inner itch at night", "itchy nights")})
    graph = merged.graph
    assert [graph.concept(f"DOID:910000{i}").names for i in (1, 2, 3, 4)] == [(), (), (), ("acute flurbosis",)]
    assert graph.concept("HP:9000002").names == ("itchy nights",)
    known = Knowledge.of(graph)
    for text, found in {
        "A syndrome with zolimab resistance.": [ZOLIMAB],
        "They played ball.": [],
        "Acute flurbosis again.": ["DOID:9100004"],
        "He has inner itch at night.": [ITCH],
        "Itchy nights.": ["HP:9000002"],
    }.items():
        assert [c.id for m in known.linker.mentions(text) for c in m.concepts] == found, text
    assert merged.report.unlinked == {"a plain word": 2, "longer than, and would hide": 2, "a short abbreviation": 1}


def test_unknown_names_without_an_id_to_be_made_are_left_out_and_named(tmp_path: Path) -> None:
    rows = "id\tlabel\txrefs\nDOID:9999\tunheard of\tMESH:D1\n" + f"{FLURB}\tflurbosis\tMESH:D2, MESH:D3\nDOID:9998\tobsolete thing\tMESH:D4\n"
    merged = imported(tmp_path, {"xrefs.tsv": rows})
    assert merged.graph.concept(FLURB).xrefs == ("MESH:D2", "MESH:D3")
    assert "DOID:9999" not in merged.graph.concepts
    (source,) = merged.report.sources
    assert source.rows == {
        "about a concept that nothing else knows: left out": 1,
        "adds a cross-reference to a concept known by identifier": 1,
        "withdrawn, as its label says: left out": 1,
    }
    assert [n.split(":")[:2] for n in source.notes] == [["xrefs.tsv", "4"], ["xrefs.tsv", "2"]]


def test_a_hospitals_drugs_bring_their_class(tmp_path: Path) -> None:
    toml = 'publisher = "Us"\ncolumns = ["drug", "class"]\n[concept]\nkind = "drug"\nlabel = "drug"\nprefix = "ELSE"\ngroup = "class"\n'
    graph = imported(tmp_path, {"drugs.tsv": "drug\tclass\nnewmab\tzolimide\noldmab\tPlain Class\n", "drugs.toml": toml}).graph
    assert graph.ancestors("ELSE:newmab") == ("CLASS:zolimide",)
    assert graph.label(graph.ancestors("ELSE:oldmab")[0]) == "Plain Class"
    assert graph.concept("CLASS:plain_class").kind is Kind.CLASS


def test_nothing_of_the_base_is_lost(tmp_path: Path) -> None:
    graph = imported(tmp_path, {"made.obo": OBO}).graph
    found = difference(BASE.graph, graph)
    assert found.removed == found.facts_removed == found.facts_changed == ()
    assert {c.id for c in found.added} == {"DOID:9000002", "DOID:9000003"}


def test_stop_names_are_written_as_they_are_compared() -> None:
    assert [n for n in sorted(stop_names()) if normal(n) != n] == []


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_normal_form_is_its_own_normal_form(name: str) -> None:
    assert normal(normal(name)) == normal(name)


def test_a_salt_is_its_drug_and_what_only_ends_like_one_is_not(tmp_path: Path) -> None:
    rows = "quorizone hydrochloride\tZolex\tsevere\t\nsodium potassium\tZolex\tsevere\t\n"
    merged = imported(tmp_path, {"pairs.tsv": PAIRS + rows, "pairs.toml": PAIR}).graph
    fact = merged.interaction(ZOLIMAB, "X01AA02")
    assert fact is not None
    assert fact.severity == "critical"
    assert "quorizone hydrochloride" in merged.concept("X01AA02").synonyms
    assert [c.label for c in merged.of_kind(Kind.DRUG) if "potassium" in c.label] == ["sodium potassium"]
