"""A citation stands only behind a sentence that its fact supports."""

import pytest

from core.knowledge import Knowledge
from core.knowledge.citations import check_citations, cited_numbers, without_citations
from core.types import Message, Severity

EVIDENCE = (
    "A first-line treatment of osteoarthritis is naproxen.",
    "Naproxen is contraindicated in congestive heart failure (severe heart failure).",
    "An alternative treatment of osteoarthritis is paracetamol.",
    "The usual adult dose of paracetamol is 500 to 1000 mg every four to six hours.",
    "Gout has the symptom toe pain.",
    "Warfarin interacts with ibuprofen: bleeding (significant).",
)
QUESTION = (Message(role="user", content="The patient has osteoarthritis and congestive heart failure and takes warfarin. Which medicine?"),)


def unsupported(reply: str, known: Knowledge) -> list[str]:
    found = check_citations(QUESTION, reply, EVIDENCE, known)
    assert all(f.rule == "citation" and f.severity is Severity.WARNING for f in found)
    return [without_citations(f.quote) for f in found]


@pytest.mark.parametrize(
    "reply",
    [
        "Naproxen is contraindicated in congestive heart failure [2]. Give paracetamol for osteoarthritis [3].",
        "Naproxen is contraindicated in congestive heart failure. [2] Give paracetamol for osteoarthritis. [3]",
        "Give paracetamol [3].",  # what for was asked
        "Give paracetamol instead of naproxen [3].",
        "Avoid ibuprofen [6].",
        "Paracetamol 500 mg [4].",
        "The dose is 1 g [4].",
        "No [2].",
        "Give paracetamol for osteoarthritis [1, 3].",  # one of them supports it
        '{"drug": "paracetamol [3]", "reason": "naproxen is contraindicated in congestive heart failure [2]"}',
        "Naproxen is first line.",  # cites nothing
    ],
)
def test_a_supported_sentence_is_no_finding(reply: str, knowledge: Knowledge) -> None:
    assert unsupported(reply, knowledge) == []


@pytest.mark.parametrize(
    "reply",
    [
        "Give paracetamol for osteoarthritis [1].",
        "Give ibuprofen [3].",
        "Naproxen is contraindicated in asthma [2].",
        "Naproxen is safe in congestive heart failure [2].",  # the fact says the opposite
        "Paracetamol 5 g [4].",
        "The dose is 5000 mg [4].",
        "The diagnosis is gout [5].",  # nobody spoke of a toe
        "Give paracetamol for osteoarthritis [7].",
        "Give paracetamol for osteoarthritis [9-7].",
        "Give paracetamol for osteoarthritis [3][0].",
    ],
)
def test_an_unsupported_sentence_is_one(reply: str, knowledge: Knowledge) -> None:
    assert unsupported(reply, knowledge) == [without_citations(reply)]


def test_without_evidence_every_number_is_made_up(knowledge: Knowledge) -> None:
    assert [f.quote for f in check_citations(QUESTION, "Give paracetamol [1].", (), knowledge)] == ["Give paracetamol. [1]"]


def test_the_numbers_of_a_reply() -> None:
    assert cited_numbers("A [1]. B [2, 4][9]; c [x] d [11-13] e [17–16].") == {1, 2, 4, 9, 11, 12, 13, 16, 17}
    assert without_citations("A [1, 2]. B.[3]\nC [12]") == "A. B.\nC"


def test_a_quotation_cites_the_fact_that_it_quotes(knowledge: Knowledge) -> None:
    question = (Message(role="user", content="What for osteoarthritis?"),)
    assert not check_citations(question, f"[1] {EVIDENCE[0]}", EVIDENCE, knowledge)
    assert check_citations(question, f"[2] {EVIDENCE[0]}", EVIDENCE, knowledge)
