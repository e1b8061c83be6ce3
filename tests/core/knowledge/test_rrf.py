"""UMLS and RxNorm files in NLM's format, with made-up content."""

from pathlib import Path

import pytest

from core.errors import KnowledgeError
from core.knowledge import loaders
from core.knowledge.graph import Kind
from core.knowledge.merge import Merged
from core.types import Relation
from tests.core.knowledge.sources import BASE, FLURB, ZOLIMAB, imported, written


def conso(cui: str, name: str, sab: str = "MSH", tty: str = "PT", code: str = "X", lat: str = "ENG", preferred: bool = True, suppress: str = "N") -> str:
    ts, stt, pref = ("P", "PF", "Y") if preferred else ("S", "VO", "N")
    return "|".join([cui, lat, ts, "L1", stt, "S1", pref, "A1", "", "", "", sab, tty, code, name, "0", suppress, "", ""]) + "\n"


def rel(cui1: str, rela: str, cui2: str, sab: str = "MED-RT", suppress: str = "N") -> str:
    return "|".join([cui1, "A1", "CUI", "RO", cui2, "A2", "CUI", rela, "R1", "", sab, sab, "", "", suppress, "", ""]) + "\n"


def sty(cui: str, tui: str, name: str) -> str:
    return "|".join([cui, tui, "B2", name, "AT1", "", ""]) + "\n"


CONSO = (
    conso("C9000001", "Flurb disease", code="D900001")
    + conso("C9000001", "Flurbitis", preferred=False)
    + conso("C9000001", "Morbus flurb", lat="LAT")
    + conso("C9000002", "Quorizone", sab="ATC", code="X01AA02")
    + conso("C9000003", "Toe (organ)")
    + conso("C9000004", "Severe flurb", suppress="O")
    + conso("C9000005", "Subacute flurb")
    + conso("C9000006", "Toe knock test")
)
STY = (
    sty("C9000001", "T047", "Disease or Syndrome")
    + sty("C9000002", "T121", "Pharmacologic Substance")
    + sty("C9000003", "T023", "Body Part, Organ, or Organ Component")
    + sty("C9000004", "T047", "Disease or Syndrome")
    + sty("C9000005", "T047", "Disease or Syndrome")
    + sty("C9000006", "T060", "Diagnostic Procedure")
)
REL = (
    rel("C9000001", "isa", "C9000005")
    + rel("C9000005", "inverse_isa", "C9000001")
    + rel("C9000002", "may_be_treated_by", "C9000005")
    + rel("C9000001", "contraindicated_with_disease", "C9000002")
    + rel("C9000002", "contraindicated_with_disease", "C9000001")
    + rel("C9000001", "isa", "C9000003")
    + rel("C9000001", "isa", "C9000005", suppress="Y")
)


def umls(folder: Path, conso: str = CONSO, rel: str = REL, sty: str = STY) -> Merged:
    written(folder, {"META/MRCONSO.RRF": conso, "META/MRREL.RRF": rel, "META/MRSTY.RRF": sty})
    return imported(folder, {"META/MRCONSO.RRF": conso})


def test_concepts_join_the_base_by_code_and_by_name_and_new_ones_get_their_kind(tmp_path: Path) -> None:
    graph = umls(tmp_path).graph
    flurb, drug = graph.find("UMLS:C9000001"), graph.find("UMLS:C9000002")
    assert flurb is not None
    assert drug is not None
    assert flurb.id == FLURB, "by the name 'flurb disease'"
    assert "Flurbitis" in flurb.synonyms
    assert "MESH:D900001" in flurb.xrefs
    assert drug.id == "X01AA02", "by its ATC code"
    assert graph.concept("UMLS:C9000005").kind is Kind.CONDITION
    assert graph.concept("UMLS:C9000006").kind is Kind.INVESTIGATION
    assert graph.find("UMLS:C9000003") is None, "an organ is no concept of ours"
    assert graph.find("UMLS:C9000004") is None, "its only name is suppressed"


def test_a_relation_is_what_the_second_concept_has_to_the_first(tmp_path: Path) -> None:
    graph = umls(tmp_path).graph
    assert graph.ancestors("UMLS:C9000005") == (FLURB,)
    (treatment,) = graph.treatments("UMLS:C9000005")
    assert (treatment.object, treatment.line, treatment.source) == ("X01AA02", "", "UMLS (MED-RT)")
    assert graph.fact("X01AA02", Relation.CONTRAINDICATED_IN, FLURB) is not None


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    report = umls(tmp_path).report
    rows = {s.file: s.rows for s in report.sources}
    assert {s.file: s.row_count for s in report.sources} == {"MRCONSO.RRF": 8, "MRREL.RRF": 7, "MRSTY.RRF": 6}
    assert all(sum(r.values()) == s.row_count for s, r in zip(report.sources, rows.values(), strict=True))
    assert rows["MRCONSO.RRF"]["a name in another language than English"] == 1
    assert rows["MRCONSO.RRF"]["a name that is suppressed"] == 1
    assert rows["MRREL.RRF"] == {
        "a new fact": 3,
        "a relation of a concept that is not used": 1,
        "a relation that is suppressed": 1,
        "kinds that do not fit the relation: left out": 1,
        "relation inverse_isa is not used": 1,
    }


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("conso", CONSO[:-30], "MRCONSO.RRF:8: "),
        ("conso", CONSO.replace("|Toe knock test|", "||"), "MRCONSO.RRF:8: C9000006 has an empty name"),
        ("rel", REL.replace("|isa|", "|isa|more|", 1), "MRREL.RRF:1: 17 cells, MRREL.RRF has 16"),
        ("sty", STY.replace("C9000006", ""), "MRSTY.RRF:6: CUI is empty"),
        ("rel", REL + rel("C9000005", "isa", "C9000001"), "MRREL.RRF:\\d: is_a goes in a circle"),
    ],
)
def test_a_damaged_file_is_named_by_file_and_line(tmp_path: Path, file: str, text: str, says: str) -> None:
    with pytest.raises(KnowledgeError, match=f"^{says}"):
        umls(tmp_path, **{file: text})


def test_relations_without_names_are_refused(tmp_path: Path) -> None:
    (path,) = written(tmp_path, {"MRREL.RRF": REL})
    with pytest.raises(KnowledgeError, match=r"MRREL.RRF needs MRCONSO.RRF beside it"):
        loaders.read([path])


def rx(cui: str, name: str, tty: str, sab: str = "RXNORM", code: str = "") -> str:
    return "|".join([cui, "ENG", "", "", "", "", "", "A1", "", cui, "", sab, tty, code or cui, name, "", "N", "", ""]) + "\n"


def test_rxnorm_ingredients_join_by_atc_code_and_bring_their_brands(tmp_path: Path) -> None:
    concepts = (
        rx("1", "zolimab sodium", "IN")
        + rx("1", "zolimab", "IN", sab="ATC", code=ZOLIMAB)
        + rx("2", "Zolestra", "BN")
        + rx("3", "Combizol", "BN")
        + rx("4", "brandnewol", "IN")
        + rx("5", "brandnewol 10 MG Oral Tablet", "SCD")
    )
    relations = rel("1", "tradename_of", "2", "RXNORM") + rel("1", "tradename_of", "3", "RXNORM") + rel("4", "tradename_of", "3", "RXNORM")
    graph = imported(tmp_path, {"rrf/RXNCONSO.RRF": concepts, "rrf/RXNREL.RRF": relations}).graph
    zolimab = graph.find("RXCUI:1")
    assert zolimab is not None
    assert zolimab.id == ZOLIMAB
    assert "Zolestra" in zolimab.synonyms
    assert "Combizol" not in zolimab.synonyms, "a brand of two ingredients names neither"
    assert graph.concept("RXCUI:4").label == "brandnewol"
    assert graph.find("RXCUI:5") is None
    assert len(graph.of_kind(Kind.DRUG)) == len(BASE.graph.of_kind(Kind.DRUG)) + 1
