"""Concepts are found where they stand: whole words, longest name, offsets into the text as it was given."""

import re
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.knowledge import Knowledge
from core.knowledge import knowledge as builtin
from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.linker import Linker, Mention


def concept(label: str, *synonyms: str, kind: Kind = Kind.CONDITION) -> Concept:
    return Concept(id=label, label=label, kind=kind, synonyms=synonyms, source="test")


LINKER = Linker(
    Graph(
        [
            concept("gout"), concept("diabetes mellitus", "diabetes"), concept("type 2 diabetes mellitus", "type 2 diabetes"), concept("Crohn's disease"),
            concept("heart failure", "HF", "CHF"), concept("cold"), concept("colds remedy", "colds", kind=Kind.DRUG), concept("fever", kind=Kind.SYMPTOM),
            concept("Fever", kind=Kind.CONTEXT), concept("beta-blocker", kind=Kind.DRUG), concept("Sjögren syndrome"),
        ],
        [],
    )
)  # fmt: skip


def found(text: str) -> list[str]:
    return [f"{m.text}={'/'.join(c.id for c in m.concepts)}" for m in LINKER.mentions(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gout.", ["Gout=gout"]),
        ("(gout), GOUT!", ["gout=gout", "GOUT=gout"]),
        ("gouty ragout gout1 _gout", []),
        ("two gouts", ["gouts=gout"]),
        ("goutss", []),
        ("type 2 diabetes mellitus", ["type 2 diabetes mellitus=type 2 diabetes mellitus"]),
        ("type 2 diabetes", ["type 2 diabetes=type 2 diabetes mellitus"]),
        ("diabetes mellitus type II", ["diabetes mellitus type II=type 2 diabetes mellitus"]),
        ("diabetes mellitus type 3", ["diabetes mellitus=diabetes mellitus"]),
        ("HF and CHF", ["HF=heart failure", "CHF=heart failure"]),
        ("a cold, several colds", ["cold=cold", "colds=colds remedy"]),  # the exact name beats a plural
        ("fever", ["fever=fever/Fever"]),
        ("Crohn’s disease", ["Crohn’s disease=Crohn's disease"]),
        ("heart\u00a0failure and heart\nfailure", ["heart\u00a0failure=heart failure", "heart\nfailure=heart failure"]),
        ("beta‑blockers", ["beta‑blockers=beta-blocker"]),
        ("SJÖGREN SYNDROME", ["SJÖGREN SYNDROME=Sjögren syndrome"]),
        ("İstanbul İ gout", ["gout=gout"]),  # its lower case is longer than itself
        ("痛風 gout 🙂gout", ["gout=gout", "gout=gout"]),
        ("", []),
    ],
)
def test_mentions(text: str, expected: list[str]) -> None:
    assert found(text) == expected


NAMES = st.sampled_from(["gout", "Type 2 diabetes", "heart failure", "colds", "FEVER", "crohn’s Disease"])


@given(st.lists(NAMES | st.text(max_size=4) | st.sampled_from([" ", ", ", "s", "İ", "ß", "\n"]), max_size=12).map("".join))
def test_offsets_point_at_the_text_in_order_and_never_overlap(text: str) -> None:
    mentions = LINKER.mentions(text)
    assert all(text[m.start : m.end] == m.text and m.concepts for m in mentions)
    assert all(a.end <= b.start for a, b in pairwise(mentions))


@given(st.lists(NAMES, max_size=6))
def test_every_name_between_other_words_is_found(names: list[str]) -> None:
    assert [m.text for m in LINKER.mentions("".join(f"xyz {n} xyz. " for n in names))] == names


@given(st.sampled_from([(c, n) for c in builtin().graph.concepts.values() for n in c.names if len(n) > 2]))
def test_every_name_of_the_base_leads_to_its_concept(case: tuple[Concept, str]) -> None:
    expected, name = case
    mentions = builtin().linker.mentions(f"({name})")
    assert [m.text for m in mentions] == [name]
    assert expected in mentions[0].concepts


def test_a_mention_gives_the_concept_of_the_kind_asked_for() -> None:
    (mention,) = LINKER.mentions("fever")
    assert isinstance(mention, Mention)
    assert mention.of_kind(Kind.CONTEXT).id == "Fever"  # type: ignore[union-attr]  # it is one
    assert mention.of_kind(Kind.DRUG) is None


def test_a_long_text_takes_no_longer_than_reading_it(knowledge: Knowledge) -> None:
    began = time.process_time()
    assert len(knowledge.linker.mentions("gout and asthma " * 5_000)) == 10_000
    assert time.process_time() - began < 1.0


def hits(text: str, *names: str) -> list[str]:
    return [m.text for m in Linker(Graph([concept(n) for n in names], [])).mentions(text)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("oedema", "edema"), ("Haemophilia", "hemophilia"), ("gastro-oesophageal reflux", "gastroesophageal reflux"),
        ("gastroesophageal reflux", "gastro-oesophageal reflux"),
        ("diarrhoea", "diarrhea"), ("tumors", "tumour"), ("generalized pain", "generalised pain"),
        ("abscesses", "abscess"), ("biopsies", "biopsy"), ("two diagnoses", "diagnosis"),
        ("Crohns disease", "Crohn's disease"), ("Crohn disease", "Crohn's disease"),
        ("Graves disease", "Graves' disease"), ("Grave's disease", "Graves' disease"),
        ("xray", "X-ray"), ("x ray", "X-ray"), ("beta blockers", "beta-blocker"), ("non-specific pain", "nonspecific pain"),
        ("palpitation", "palpitations"),
        
        ("type II diabetes", "type 2 diabetes"), ("type two diabetes", "type 2 diabetes"), ("H pylori test", "H. pylori test"),
        ("Meniere's disease", "Ménière's disease"),
        
        ("Me\u0301nie\u0300re disease", "Ménière's disease"), ("UTIs", "UTI"), ("uti", "UTI"), ("A D H D", "ADHD"),
        ("heart\nattack", "heart attack"), ("CROHN'S DISEASE", "Crohn's disease"),
    ],
)  # fmt: skip
def test_one_name_in_many_writings(text: str, name: str) -> None:
    # The other words are of names too, as in any real graph: "esophageal" is what tells that "gastroesophageal" may be cut.
    assert len(hits(text, name, "esophageal stricture", "specific antibody")) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("it is a hour", "hor"), ("chest. Pain", "chest pain"), ("chest, pain", "chest pain"),
        ("chest - pain", "chest pain"), ("chest\n\npain", "chest pain"),
        ("mi amigo", "MI"), ("PATIENT WITH AN MI TODAY", "MI"), ("FH: mother had gout", "FH"),
        ("it aids recovery", "AIDS"), ("ALL SYSTEMS NORMAL", "ALL"), ("hearing aid", "AIDS"),
        ("Painless", "pain"), ("type 3 diabetes", "type 2 diabetes"),
        ("she sobs", "SOB"), ("colds", "cold remedy"), ("x" * 70 + " pain", "y" * 70 + " pain"),
    ],
)  # fmt: skip
def test_what_is_not_the_name(text: str, name: str) -> None:
    assert hits(text, name) == []


@pytest.mark.parametrize("text", ["She had an MI.", "an MI (2019)", "ruled out for MI"])
def test_two_letters_count_in_capitals_amid_other_text(text: str) -> None:
    assert hits(text, "MI") == ["MI"]


def test_of_crossing_names_the_longer_one_stays() -> None:
    names = ("acute kidney", "kidney injury marker", "marker", "acute")
    assert hits("acute kidney injury marker", *names) == ["acute", "kidney injury marker"]
    assert hits("acute kidney injury", *names) == ["acute kidney"]


WORDS = ("alpha", "beta", "gamma", "delta", "rho")
PHRASES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


@settings(deadline=None)  # each example builds a linker
@given(
    st.lists(PHRASES, min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from((*WORDS, "xi", "omega", "alphabeta")) | st.sampled_from((",", ".", "\n\n")), max_size=30),
)
def test_the_automaton_finds_what_trying_every_name_everywhere_finds(names: list[str], words: list[str]) -> None:
    text = " ".join(words)
    everywhere = [m.span(1) for n in names for m in re.finditer(rf"(?<!\w)(?=({re.escape(n)})(?!\w))", text)]
    expected: list[tuple[int, int]] = []
    for start, end in sorted(everywhere, key=lambda s: (s[0] - s[1], s[0])):
        if all(end <= a or b <= start for a, b in expected):
            expected.append((start, end))
    linker = Linker(Graph([concept(n) for n in names], []))
    assert [(m.start, m.end) for m in linker.mentions(text)] == sorted(expected)


WRITTEN = st.lists(
    st.sampled_from(["Type 2 diabetes", "heart failure", "Crohn’s disease", "beta-blockers", "fever", "colds", "and", "ragout"]), min_size=1, max_size=8
).map(", ".join)
TYPOGRAPHY = st.sampled_from([("’", "'"), ("-", "‑"), ("-", " "), (" ", "\u00a0"), (" ", "\n"), (", ", " , "), (", ", " (")])


@given(WRITTEN, TYPOGRAPHY, st.sampled_from([str, str.lower, str.upper, str.title]))
def test_case_and_typography_change_nothing(text: str, change: tuple[str, str], case: Callable[[str], str]) -> None:
    ids = lambda written: [c.id for m in LINKER.mentions(written) for c in m.concepts]  # noqa: E731  # a line of its own says less
    assert ids(case(text.replace(*change))) == ids(text)


@settings(deadline=None)  # each example builds a linker
@given(st.text(alphabet="abst'’- \n.,/()ÅİßéAM01\u0301", max_size=40))
def test_any_text_is_read(text: str) -> None:
    linker = Linker(
        Graph([concept("a"), concept("AB"), concept("a-b"), concept("st. a's"), concept(""), concept("..."), concept("ß"), concept(f"{text[:9]}:")], [])
    )
    assert all(text[m.start : m.end] == m.text for m in linker.mentions(text))


def test_a_graph_without_names_links_nothing() -> None:
    assert Linker(Graph([], [])).mentions("gout") == ()
