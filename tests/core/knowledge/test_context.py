"""Each mention in its context: denied, past, only feared or asked, someone else's; and what must not be taken for that."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.knowledge import Knowledge
from core.knowledge.context import in_context
from core.knowledge.context_cues import CUES, Context, phrases
from core.knowledge.graph import Concept, Graph, Kind

NAMES = {
    Kind.SYMPTOM: ("fever", "cough", "chest pain", "headache", "chills", "no periods"),
    Kind.CONDITION: ("asthma", "gout", "stroke", "pneumonia", "breast cancer", "influenza"),
    Kind.DRUG: ("ibuprofen", "metformin"),
    Kind.INVESTIGATION: ("biopsy",),
}
KNOWN = Knowledge.of(Graph([Concept(id=n, label=n, kind=k, synonyms=(), source="test") for k, names in NAMES.items() for n in names], []))


def contexts(text: str) -> dict[str, str]:
    return {i.mention.text.lower(): i.context.value for i in in_context(text, KNOWN.linker.mentions(text))}


@pytest.mark.parametrize(
    ("context", "text", "names"),
    [
        ("affirmed", "She has a fever and a cough.", "fever cough"),
        ("affirmed", "No increase in chest pain.", "chest pain"),
        ("affirmed", "Not only fever but cough.", "fever cough"),
        ("affirmed", "No, it is a headache.", "headache"),
        ("affirmed", "She has no periods.", "no periods"),
        ("affirmed", "Past medical history of asthma and gout.", "asthma gout"),
        ("affirmed", "History of present illness: headache.", "headache"),
        ("affirmed", "When did the headache begin?", "headache"),
        ("affirmed", "A mother of two with asthma.", "asthma"),
        ("affirmed", "Mom says he has a fever.", "fever"),
        ("affirmed", "The biopsy was negative.", "biopsy"),
        ("affirmed", "Dr. Brown saw her. Fever.", "fever"),
        ("negated", "No fever, chills or cough.", "fever chills cough"),
        ("negated", "Denies fever and cough.", "fever cough"),
        ("negated", "ROS: Denies fever.", "fever"),
        ("negated", "Patient: no, I haven't had any chest pain.", "chest pain"),
        ("negated", "[patient] i do n't have a fever", "fever"),
        ("negated", "No history of asthma.", "asthma"),
        ("negated", "Pneumonia was ruled out.", "pneumonia"),
        ("negated", "Asthma: denied.", "asthma"),
        ("negated", "No fever, right?", "fever"),
        ("negated", "His mother denies fever.", "fever"),
        ("historical", "History of stroke and pneumonia.", "stroke pneumonia"),
        ("historical", "I had asthma as a child.", "asthma"),
        ("historical", "The chest pain has resolved.", "chest pain"),
        ("historical", "He stopped taking ibuprofen.", "ibuprofen"),
        ("historical", "A stroke two years ago.", "stroke"),
        ("historical", "In 2004 she had pneumonia.", "pneumonia"),
        ("hypothetical", "If you develop a fever, call us.", "fever"),
        ("hypothetical", "Doctor: Any chest pain?\nPatient: No.", "chest pain"),
        ("hypothetical", "Do you have a fever, chills, or a cough?", "fever chills cough"),
        ("hypothetical", "Rule out pneumonia.", "pneumonia"),
        ("hypothetical", "Risk of stroke.", "stroke"),
        ("hypothetical", "I will start metformin.", "metformin"),
        ("hypothetical", "Influenza vaccine given.", "influenza"),
        ("other", "My mother had breast cancer.", "breast cancer"),
        ("other", "No family history of gout.", "gout"),
        ("other", "Family history: Gout. Asthma.", "gout asthma"),
        ("other", "FAMILY HISTORY\nGout, stroke.\nBrother with asthma.", "gout stroke asthma"),
        ("other", "Does gout run in your family?", "gout"),
        ("other", "Asthma runs in the family.", "asthma"),
    ],
)
def test_context(context: str, text: str, names: str) -> None:
    found = contexts(text)
    assert found
    assert set(found.values()) == {context}
    assert all(word in " ".join(found) for word in names.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No fever but cough.", {"fever": "negated", "cough": "affirmed"}),
        ("Denies fever; reports cough.", {"fever": "negated", "cough": "affirmed"}),
        ("Her mother had gout and she has asthma.", {"gout": "other", "asthma": "affirmed"}),
        ("Family history: gout.\nHe has asthma.", {"gout": "other", "asthma": "affirmed"}),
        ("Family history: gout. He also has asthma. History: pneumonia.", {"gout": "other", "asthma": "affirmed", "pneumonia": "affirmed"}),
        ("FAMILY HISTORY\nGout.\nREVIEW OF SYSTEMS\nFever.", {"gout": "other", "fever": "affirmed"}),
        ("Doctor: any fever?\nPatient: No, a cough.", {"fever": "hypothetical", "cough": "affirmed"}),
        ("History of stroke, presents with headache.", {"stroke": "historical", "headache": "affirmed"}),
        ("He takes metformin and stopped ibuprofen.", {"metformin": "affirmed", "ibuprofen": "historical"}),
        ("No fever. Cough.", {"fever": "negated", "cough": "affirmed"}),
        ("Fever, no cough.", {"fever": "affirmed", "cough": "negated"}),
    ],
)
def test_a_scope_ends(text: str, expected: dict[str, str]) -> None:
    assert contexts(text) == expected


def test_the_cue_is_shown() -> None:
    text = "She denies any fever."
    (found,) = in_context(text, KNOWN.linker.mentions(text))
    assert (found.context, text[slice(*found.cue)]) == (Context.NEGATED, "denies")


def test_no_phrase_is_left_with_a_bracket_or_without_words() -> None:
    assert not [p for *_, line in CUES for p in phrases(line) if not any(c.isalpha() for c in p) or set(p) & set("(){}|")]


def test_every_negating_phrase_negates_what_it_stands_before() -> None:
    kept = {p for role, context, line in CUES if (role, context) == ("before", Context.NEGATED) for p in phrases(line)}
    assert [p for p in sorted(kept) if contexts(f"She {p} fever.")["fever"] != "negated"] == []


PIECES = st.sampled_from(
    [
        "No ",
        "fever",
        "cough",
        ", ",
        " and ",
        " but ",
        "history of ",
        "stroke",
        "mother ",
        "? ",
        ". ",
        "\n",
        "FAMILY HISTORY\n",
        " was ruled out",
        "if ",
        "Patient: ",
        ": none",
        "'s",
        "İ",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_every_mention_has_one_context_and_its_cue_lies_in_the_text(text: str) -> None:
    mentions = KNOWN.linker.mentions(text)
    found = in_context(text, mentions)
    assert tuple(i.mention for i in found) == mentions
    for i in found:
        assert (i.cue == (0, 0)) == (i.context is Context.AFFIRMED)
        assert 0 <= i.cue[0] <= i.cue[1] <= len(text)
        assert i.cue == (0, 0) or i.cue[1] <= i.mention.start or i.mention.end <= i.cue[0]


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_follows_in_a_paragraph_of_its_own_changes_nothing_before(text: str) -> None:
    before = [i.context for i in in_context(text, KNOWN.linker.mentions(text))]
    longer = f"{text}\n\nNo cough, mother had gout."
    assert [i.context for i in in_context(longer, KNOWN.linker.mentions(longer))][: len(before)] == before


@pytest.mark.parametrize("piece", ["no fever, ", "fever was ruled out ", "denies ", "fever ", "family history: fever. ", "fever? ", "mother had fever\n"])
def test_a_long_text_takes_no_longer_than_reading_it(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    mentions = KNOWN.linker.mentions(text)
    began = time.process_time()
    in_context(text, mentions)
    assert time.process_time() - began < 3  # quadratic time takes minutes
