"""What a note says by numbers and shorthand is read like what it names, negations and relatives included."""

import pytest

from core.knowledge import Knowledge
from core.patient import patient_concepts
from core.types import Message


def labels(text: str, knowledge: Knowledge) -> set[str]:
    return {c.label for c in patient_concepts([Message(role="user", content=text)], knowledge)}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("eGFR 9", "severe renal impairment"),
        ("CrCl is 22 mL/min.", "severe renal impairment"),
        ("eGFR <15 mL/min/1.73 m2", "severe renal impairment"),
        ("CKD5, otherwise well", "severe renal impairment"),
        ("End-stage renal disease.", "severe renal impairment"),
        ("She is 28/40.", "pregnancy"),
        ("G2P1 at 30 weeks.", "pregnancy"),
        ("In the second trimester.", "pregnancy"),
        ("He came out in hives after ciprofloxacin.", "quinolone allergy"),
        ("Allergy status: cephalosporins - rash.", "cephalosporin allergy"),
        ("Reacts to aspirin with wheeze.", "NSAID hypersensitivity"),
        ("Drug allergies: penicillin, ciprofloxacin", "quinolone allergy"),
        ("She can't take erythromycin.", "macrolide allergy"),
        ("Sulfonamide (anaphylaxis).", "sulfonamide allergy"),
        ("Known hypertensive.", "hypertension"),
        ("An epileptic on valproate.", "epilepsy"),
        ("G6PD-deficient boy.", "glucosephosphate dehydrogenase deficiency"),
    ],
)
def test_shorthand_is_read(knowledge: Knowledge, text: str, label: str) -> None:
    assert label in labels(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "On antihypertensive treatment.",
        "Takes anti-epileptics.",
        "Non-alcoholic fatty change.",
        "No alcoholic drinks.",
        "eGFR 60",
        "CrCl 45 mL/min",
        "G2P1, periods regular.",
        "Not allergic to ciprofloxacin.",
        "His brother is allergic to ciprofloxacin.",
        "Labelled with penicillin allergy as a child, de-labelled after a negative challenge.",
        "She was pregnant last year.",
        "Her last pregnancy was five years ago.",
    ],
)
def test_what_is_mild_denied_over_or_anothers_is_not(knowledge: Knowledge, text: str) -> None:
    assert labels(text, knowledge) == set()


@pytest.mark.parametrize(
    "text",
    [
        "DH: warfarin.",
        "72M, AF, warfarin 5 mg, ramipril.",
        "A woman on warfarin",
        "Regular warfarin.",
        "Warfarin started last month.",
        "Warfarin was stopped last week.",
        "The only drug he takes is warfarin.",
        "On treatment with warfarin.",
    ],
)
def test_a_drug_of_a_note_is_taken(knowledge: Knowledge, text: str) -> None:
    assert "warfarin" in labels(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "She used to take warfarin years ago.",
        "Warfarin was discontinued in 2019.",
        "No longer takes warfarin; it was stopped last year.",
        "Does not take warfarin.",
        "His wife takes warfarin.",
        "72M with AF, I plan warfarin.",
        "Current drugs: none. Can I give warfarin?",
        "A question on warfarin",
    ],
)
def test_a_drug_that_is_over_anothers_or_proposed_is_not(knowledge: Knowledge, text: str) -> None:
    assert "warfarin" not in labels(text, knowledge)
