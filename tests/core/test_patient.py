"""What is held to be the patient's. A condition that is missed lets an unsafe drug through, so in doubt it is there."""

import pytest

from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Graph, Kind
from core.patient import patient_concepts
from core.types import Message


def labels(text: str, knowledge: Knowledge) -> set[str]:
    return {c.label for c in patient_concepts([Message(role="user", content=text)], knowledge)}


@pytest.mark.parametrize(
    "text",
    [
        "She has asthma.",
        "History of asthma.",
        "Asthma as a child.",
        "She had asthma years ago.",
        "What may I give in case of asthma",
        "What if the patient has asthma?",
        "If she has asthma, which drug is safe?",
        "Possible asthma.",
        "She is at risk of asthma.",
        "Not only asthma.",
        "No change in her asthma.",
        "No improvement of asthma.",
        "It is not known whether asthma is present.",
        "Do not give aspirin, asthma.",
        "No known allergies, asthma.",
        "No gout, asthma.",
        "No gout and asthma.",
        "Denies gout, asthma.",
        "Denies gout but has asthma.",
        "My mother has asthma, what can I give her?",
        "Her mother had gout and she has asthma.",
        "A pregnant mother has asthma.",
        "A 30-year-old mother with asthma.",
        "Which drug for someone with asthma?",
        "Pneumonia was ruled out in this patient with asthma.",
        "Without doubt asthma.",
        "asthma, no fever",
        "No one treated her asthma.",
        "Known asthmatic.",
        "Asthmatic man, 40.",
        "No asthma attacks for 2 years.",
        "No asthma exacerbations.",
        "No asthma for ten years.",
        "No asthma since childhood.",
    ],
)
def test_in_doubt_a_condition_is_the_patients(text: str, knowledge: Knowledge) -> None:
    assert "asthma" in labels(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "No asthma.",
        "She doesn't have asthma.",
        "She never had asthma.",
        "Denies asthma.",
        "Denies gout, epilepsy and asthma.",
        "No gout, epilepsy or asthma.",
        "No asthma, gout or epilepsy.",
        "Without asthma or gout.",
        "Asthma was ruled out.",
        "No history of asthma.",
        "No evidence of asthma, what can I give?",
        "Her father had asthma.",
        "My mother had asthma.",
        "Family history: gout and asthma.",
        "Maternal asthma.",
        "Not asthmatic.",
        "Her father is asthmatic.",
        "No asthma in a 40-year-old man.",
        "Never had asthma in childhood.",
    ],
)
def test_what_is_surely_denied_or_a_relatives_is_not(text: str, knowledge: Knowledge) -> None:
    assert "asthma" not in labels(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "NKDA except penicillin.",
        "NKDA apart from latex and penicillin.",
        "No known allergies, except for penicillin.",
        "No allergies other than penicillin.",
        "Pen allergic.",
        "Allergic to pen.",
        "Allergic only to penicillin.",
        "Intolerant of penicillin.",
        "Penicillin gave him a rash.",
        "Penicillin made her come out in hives.",
        "Amoxicillin has caused anaphylaxis.",
    ],
)
def test_an_allergy_told_in_ordinary_words_is_the_patients(text: str, knowledge: Knowledge) -> None:
    assert "penicillin allergy" in labels(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "NKDA.",
        "No known allergies.",
        "No allergies, takes penicillin.",
        "No penicillin allergy.",
        "Not pen allergic.",
        "Penicillin caused no rash.",
        "Penicillin never gave him a rash.",
        "Penicillin given for a rash.",
        "NKDA except latex.",
    ],
)
def test_an_allergy_that_is_denied_or_to_something_else_is_not(text: str, knowledge: Knowledge) -> None:
    assert "penicillin allergy" not in labels(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "On warfarin. Which antibiotic?",
        "AF, on warfarin.",
        "Anticoagulated with warfarin.",
        "On both digoxin and warfarin.",
        "Also on warfarin.",
        "Warfarinised for AF.",
    ],
)
def test_a_drug_that_a_note_says_in_passing_is_taken(text: str, knowledge: Knowledge) -> None:
    assert "warfarin" in labels(text, knowledge)


@pytest.mark.parametrize(
    "text", ["A note on warfarin.", "Not on warfarin.", "On the whole, can I give warfarin?", "On clexane, may I start warfarin?", "Why not warfarin?"]
)
def test_a_drug_that_is_spoken_of_is_not(text: str, knowledge: Knowledge) -> None:
    assert "warfarin" not in labels(text, knowledge)


def test_an_imported_name_hides_nothing_that_rules_a_drug_out(knowledge: Knowledge) -> None:
    imported = Concept("X:1", "malignant pheochromocytoma", Kind.CONDITION, (), "an ontology that puts it below nothing")
    grown = Knowledge.of(Graph([*knowledge.graph.concepts.values(), imported], knowledge.graph.facts))
    text = "She has a malignant pheochromocytoma."
    assert labels(text, knowledge) == {"pheochromocytoma"}
    assert labels(text, grown) == {"malignant pheochromocytoma", "pheochromocytoma"}
    assert labels("No malignant pheochromocytoma.", grown) == set()
