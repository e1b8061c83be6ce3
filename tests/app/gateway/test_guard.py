"""The guard: what decides that a sentence leaves, whatever the pieces that the model sends it in."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.gateway.guard import Guard, notice, shown
from core.knowledge import knowledge
from core.knowledge.sentences import SENTENCE_END
from core.types import Message, Severity

ALLERGIC = [Message(role="user", content="My patient with a penicillin allergy has pneumonia. Which antibiotic?")]
UNSAFE = "Give amoxicillin 500 mg now."


def passed(messages: list[Message], pieces: list[str]) -> tuple[str, Guard]:
    guard, sent = Guard(messages, knowledge()), ""
    for piece in pieces:
        if guard.hold(piece):
            sent += guard.release()
        if guard.withheld:
            return sent, guard
    return sent + guard.release(at_end=True), guard


def cut(text: str, at: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(position % (len(text) + 1) for position in at)})
    return [text[a:b] for a, b in pairwise(marks)]


safe_sentences = st.lists(
    st.sampled_from(
        [
            "Use doxycycline. ",
            "Amoxicillin is contraindicated here!\n",
            "<think> Amoxicillin is first line. </think> Use clarithromycin. ",
            "0.5 mg; fine? ",
            "\n\n",
        ]
    ),
    max_size=5,
)
cuts = st.lists(st.integers(0, 500), max_size=30)


@given(safe_sentences, cuts)
def test_a_safe_reply_passes_unchanged_however_it_is_cut(sentences: list[str], at: list[int]) -> None:
    text = "".join(dict.fromkeys(sentences))
    sent, guard = passed(ALLERGIC, cut(text, at))
    assert (sent, guard.withheld) == (text, ())


@given(safe_sentences, safe_sentences, cuts)
def test_an_unsafe_sentence_never_leaves_and_nothing_after_it_does(before: list[str], after: list[str], at: list[int]) -> None:
    head = "".join(dict.fromkeys(before))
    sent, guard = passed(ALLERGIC, cut(f"{head}\n{UNSAFE}\n{''.join(after)}", at))
    assert [f.rule for f in guard.withheld] == ["contraindication"]
    assert sent == f"{head}\n"
    assert UNSAFE not in notice(guard.withheld)
    assert all(UNSAFE not in shown(f, withheld=True).quote for f in guard.findings(guard.claims()))
    assert any(UNSAFE in f.quote for f in guard.findings(guard.claims()))


@given(safe_sentences, cuts)
def test_a_safe_sentence_leaves_with_the_piece_that_completes_it(sentences: list[str], at: list[int]) -> None:
    """Nothing is held back but the sentence that is being written, and a thought that waits for its answer."""
    text = "".join(s for s in dict.fromkeys(sentences) if "<think>" not in s)
    guard, sent, said = Guard(ALLERGIC, knowledge()), "", ""
    for piece in cut(text, at):
        said += piece
        if guard.hold(piece):
            sent += guard.release()
        complete = max((m.end() for m in re.finditer(SENTENCE_END, said)), default=0)
        assert len(sent) >= len(said[:complete].rstrip())
        assert text.startswith(sent)


RAISED = "Most people would get amoxicillin. "


@given(safe_sentences, cuts)
def test_a_sentence_that_the_next_one_takes_back_leaves_with_it(before: list[str], at: list[int]) -> None:
    text = f"{''.join(dict.fromkeys(before))}\n{RAISED}She should not, because of the allergy. Use doxycycline."
    sent, guard = passed(ALLERGIC, cut(text, at))
    assert (sent, guard.withheld) == (text, ())


def test_a_raised_drug_that_nothing_takes_back_is_withheld_after_one_more_sentence() -> None:
    for ending in ("", "It works within days. ", "It works within days. She should not."):
        sent, guard = passed(ALLERGIC, [RAISED, ending])
        assert sent == ""
        assert [f.rule for f in guard.withheld] == ["contraindication"]


def test_the_stop_of_an_abbreviation_does_not_part_a_dose_from_its_frequency() -> None:
    messages = [Message(role="user", content="Buspirone for anxiety?")]
    sent, guard = passed(messages, ["Give buspirone 15 mg p.o. ", "q", "i.d. and ", "rest."])
    assert sent == ""
    assert [f.rule for f in guard.withheld] == ["overdose"]


def test_a_dose_is_not_split_from_its_unit_before_it_is_checked() -> None:
    messages = [Message(role="user", content="Ibuprofen dose for gout?")]
    sent, guard = passed(messages, ["Take ibuprofen 90", "00 ", "mg", " at once."])
    assert sent == ""
    assert [f.rule for f in guard.withheld] == ["overdose"]


def test_a_second_patient_is_read_from_earlier_messages_too() -> None:
    messages = [*ALLERGIC, Message(role="assistant", content="Doxycycline."), Message(role="user", content="Something cheaper?")]
    assert passed(messages, [UNSAFE])[1].withheld


def test_an_unsafe_thought_is_sent_only_in_front_of_a_safe_answer() -> None:
    thought = "<think> Pneumonia. Amoxicillin is first line. Penicillin allergy rules it out. "
    assert passed(ALLERGIC, [thought, "</think> Use doxycycline."])[0] == f"{thought}</think> Use doxycycline."
    for ending in ("", "</think>", "</think> ", "</think> Amoxicillin."):
        sent, guard = passed(ALLERGIC, [thought, ending])
        assert sent == "<think> Pneumonia. "
        assert guard.withheld


def test_a_claim_that_the_graph_contradicts_is_a_warning_and_leaves() -> None:
    messages = [Message(role="user", content="First-line treatment of gout?")]
    sent, guard = passed(messages, ["Amlodipine does not treat hypertension."])
    assert sent
    assert not guard.withheld
    found = [f for f in guard.findings(guard.claims()) if f.rule == "contradicted_claim"]
    assert [(f.severity, f.evidence is not None) for f in found] == [(Severity.WARNING, True)]
