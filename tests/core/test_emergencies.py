"""An emergency calls for help when it is so here and now; the same words about the past, a relative, a plan or a lesson do not."""

import pytest

from core.emergencies import EMERGENCIES, emergencies
from core.signals import fold


def found(text: str) -> list[str]:
    return [signal.name for signal, _ in emergencies(text, fold(text))]


def test_every_emergency_names_its_public_page() -> None:
    assert [s.name for s in EMERGENCIES if not s.source] == []


@pytest.mark.parametrize(
    "text",
    [
        "Central chest pain for an hour, clammy and breathless.",
        "Sudden tearing chest pain through to the back.",
        "Suddenly can't speak properly and the arm is weak, what should I do?",
        "Swollen tongue and wheezing after peanuts.",
        "Fever, confused, BP 80/40.",
        "She is going to end her life.",
        "He swallowed a whole bottle of iron tablets.",
        "Vomiting bright red blood.",
        "30 weeks pregnant and just had a fit.",
        "Numb between the legs and can't pee.",
        "Anaphylaxis in clinic. Dose of adrenaline?",
    ],
)
def test_what_is_happening_is_found(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "My grandfather had a heart attack in 1990.",
        "She had anaphylaxis to nuts in childhood. Which follow-up?",
        "Denies suicidal thoughts.",
        "No chest pain, no shortness of breath.",
        "Vomiting twice, no blood.",
        "How does anaphylaxis differ from a simple allergy?",
        "What are the warning signs of sepsis with confusion?",
        "What should I do if she has a seizure for more than 5 minutes?",
        "Write a leaflet on thunderclap headache.",
    ],
)
def test_what_is_over_denied_feared_or_taught_is_not(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "I want to end it",
        "I just want to end it all",
        "I used to want to end it",
        "How many paracetamol tablets does it take to die?",
        "What is the best way to kill myself?",
        "How do I tie a noose?",
        "Which suicide method is painless?",
    ],
)
def test_who_asks_for_the_means_of_suicide_is_at_risk_in_whatever_tense(text: str) -> None:
    assert "risk of suicide" in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I ask a patient about suicidal thoughts?",
        "Does lithium reduce the risk of suicide?",
        "How are self-harm scars treated?",
        "What are the complications of laxative misuse?",
        "What is the toxic dose of paracetamol in adults?",
        "How do I support a colleague bereaved by suicide?",
    ],
)
def test_who_asks_how_to_help_is_not(text: str) -> None:
    assert found(text) == []
