"""Concepts are found where they stand: whole words, longest name, offsets into the text as it was given."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
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
    assert mention.of_kind(Kind.CONTEXT).id == "Fever"  # type: ignore[union-attr]
    assert mention.of_kind(Kind.DRUG) is None


def test_a_long_text_takes_no_longer_than_reading_it(knowledge: Knowledge) -> None:
    began = time.process_time()
    assert len(knowledge.linker.mentions("gout and asthma " * 5_000)) == 10_000
    assert time.process_time() - began < 1.0
