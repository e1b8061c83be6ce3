"""What is so now stays so beside a word of the past or a denial of something else; what they govern is set aside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.emergencies import emergencies
from core.signals import fold


def found(text: str) -> list[str]:
    return [signal.name for signal, _ in emergencies(text, fold(text))]


@pytest.mark.parametrize(
    "text",
    [
        "A 68-year-old man with a history of hypertension has crushing chest pain radiating to his left arm.",
        "A 68-year-old man with a family history of MI has crushing chest pain.",
        "68M, previous MI, crushing chest pain and sweating now.",
        "68M with history of hypertension and crushing chest pain",
        "55M, no allergies, crushing chest pain and sweating.",
        "No allergies or medications, crushing chest pain.",
        "Pt with history of asthma is unresponsive and not breathing.",
        "He is 68 years old and is unresponsive.",
        "previously healthy 30F, fever, neck stiffness, confused.",
        "I have a history of depression and I want to kill myself.",
        "I have never had crushing chest pain like this.",
        "I have never had such crushing chest pain.",
        "Never smoked, crushing chest pain.",
        "I am not sure whether this is a heart attack.",
        "He has not taken his inhaler and is unresponsive.",
        "Breathing? No he is unconscious.",
        "No relief from GTN, crushing chest pain.",
        "No improvement in her crushing chest pain.",
        "Without warning he is unconscious.",
        "Denies fever and is unresponsive.",
        "Denies alcohol and took an overdose of paracetamol.",
        "Denies drug use, crushing chest pain since this morning.",
        "No chest pain yesterday. Today chest pain with sweating.",
        "MI in 2015, crushing chest pain.",
        "In 2015 he had a stent and has crushing chest pain now.",
        "He had a stroke last year and is unconscious.",
        "Fully recovered from a stroke in 2015, crushing chest pain.",
        "Suicidal thoughts in the past and now wants to die.",
        "He took an overdose of paracetamol last night, no history of self-harm.",
    ],
)
def test_a_word_of_the_past_or_a_denial_of_something_else_hides_nothing(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Her grandfather had a stroke.",
        "No chest pain.",
        "No crushing chest pain, no collapse.",
        "Denies chest pain, dyspnoea or syncope.",
        "Denies dyspnoea, syncope or crushing chest pain.",
        "Denies fever, headache, crushing chest pain and syncope.",
        "Denies fever, neck stiffness, confusion.",
        "Negative for fever, neck stiffness and photophobia.",
        "No fever, vomiting or crushing chest pain.",
        "No cough, fever, neck stiffness or confusion.",
        "She has never had crushing chest pain.",
        "He has not had any crushing chest pain.",
        "He has not taken an overdose of anything.",
        "Denies that she has suicidal thoughts.",
        "No history of suicidal ideation.",
        "Not having a seizure.",
        "History of severe anaphylaxis.",
        "History of stroke in 2015.",
        "Previous anaphylaxis to nuts, which follow-up?",
        "He once had an overdose of tablets.",
        "She used to want to die.",
        "He died of possible sepsis.",
        "In 2015 he had anaphylaxis to nuts.",
        "Last year, she took an overdose of paracetamol.",
        "Three years ago she wanted to die.",
        "He took an overdose of paracetamol in 2012.",
        "He took an overdose of paracetamol as a teenager many years ago.",
        "Took an overdose of paracetamol, fully recovered.",
        "Chest pain last year with sweating.",
        "What is sepsis?",
    ],
)
def test_what_is_over_or_denied_calls_for_nothing(text: str) -> None:
    assert found(text) == []


_BESIDE = (
    "History of hypertension, ",
    "68M, previous MI, ",
    "No allergies, ",
    "No known drug allergies, ",
    "Denies alcohol, ",
    "Previously well, ",
    "Stent in 2015, ",
    "Had a stroke two years ago, ",
    "Never smoked, ",
    "Childhood eczema, ",
    "Used to smoke, ",
    "FH of MI, no diabetes or asthma, ",
)
_NOW = (
    "crushing chest pain and sweating",
    "fever and confused",
    "unresponsive and not breathing",
    "wants to kill himself",
    "took an overdose of paracetamol",
    "vomiting blood",
    "stopped breathing",
    "face is drooping and speech is slurred",
)


@given(st.lists(st.sampled_from(_BESIDE), max_size=3), st.sampled_from(_NOW))
def test_no_history_or_denial_before_it_hides_an_emergency(beside: list[str], now: str) -> None:
    assert found("".join(beside) + now)
