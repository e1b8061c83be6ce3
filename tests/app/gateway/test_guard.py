"""The guard: what decides that a sentence leaves, whatever the pieces that the model sends it in."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.gateway.guard import Guard, notice, shown
from core.knowledge import knowledge
from core.types import Message

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
    assert all(UNSAFE not in shown(f, withheld=True).quote for f in guard.findings())
    assert any(UNSAFE in f.quote for f in guard.findings())


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
