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
        "History of crushing chest pain for 2 hours.",
        "A 3-day history of fever, neck stiffness and confusion.",
        "Short history of vomiting blood.",
        "Presents with a history of crushing chest pain.",
        "Crushing chest pain, previous episodes last year.",
        "Chest pain and sweating like my heart attack two years ago.",
        "Never suicidal before, now she wants to end her life.",
        "He took an overdose of paracetamol last night, no history of self-harm.",
        "Denies fever, cough, crushing chest pain for 2 hours",
        "Denies fever, cough, crushing chest pain radiating to the left arm",
        "Pt denies SOB, nausea, vomiting, crushing chest pain present since 6 am",
        "Not sure if he is having a heart attack, he has crushing chest pain and is sweating",
        "My husband asks if he should go to hospital, he has crushing chest pain",
        "I don't know if she took the whole bottle, she took 40 paracetamol tablets",
        "Please tell me if I should call someone, I can't breathe",
        "Allergic to penicillin, took it an hour ago and now has anaphylaxis.",
    ],
)
def test_a_word_of_the_past_or_a_denial_of_something_else_hides_nothing(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Woman with crushing chest pain, family history of MI.",
        "FHx MI, crushing chest pain.",
        "Crushing chest pain and sweating, risk factors: smoker.",
        "Crushing chest pain and sweating, at high risk of MI.",
        "Crushing chest pain, worried about a heart attack.",
        "Crushing chest pain despite aspirin to prevent MI.",
        "Crushing chest pain, sweating: what do the guidelines say?",
        "Crushing chest pain and sweating, should I go to hospital?",
        "Crushing chest pain and sweating, what if he collapses?",
        "What should I do, crushing chest pain and sweating.",
        "Should I call 999 for crushing chest pain and sweating?",
        "What if this is a heart attack?",
        "Collapsed at a screening visit, not breathing.",
    ],
)
def test_a_risk_a_fear_or_a_question_beside_it_hides_nothing(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "FHx of anaphylaxis: screening?",
        "Risk of anaphylaxis with penicillin.",
        "Worried about anaphylaxis to nuts in future.",
        "Screening for suicidal ideation.",
        "Plan for possible anaphylaxis.",
        "Guidelines for thunderclap headache.",
        "Thunderclap headache guidelines.",
        "Anaphylaxis training for staff.",
        "Red flags: weakness, saddle anaesthesia.",
        "What are the warning signs of sepsis with confusion?",
        "How should I treat anaphylaxis?",
        "When should I call for crushing chest pain?",
        "What if he has crushing chest pain?",
        "What should I do if my son has a seizure for more than 5 minutes?",
        "Which drugs can cause seizures, fever and confusion?",
    ],
)
def test_what_is_feared_planned_or_taught_calls_for_nothing(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Her grandfather had a stroke.",
        "No chest pain.",
        "No focal weakness, slurred speech or facial droop.",
        "No limb weakness, slurred speech or facial droop",
        "No left arm weakness or slurred speech",
        "No unilateral weakness, aphasia or facial droop",
        "No exertional chest pain or shortness of breath",
        "No typical crushing chest pain",
        "Neuro: no facial droop, no arm drift, speech normal",
        "Neither crushing chest pain nor dyspnoea",
        "Suicidal thoughts: none",
        "Passive suicidal ideation denied",
        "Haematemesis: nil. Melaena: nil.",
        "Allergies: penicillin (anaphylaxis)",
        "PMHx: anaphylaxis (peanuts)",
        "Allergic to penicillin (anaphylaxis). Which antibiotic for a UTI?",
        "No crushing chest pain, no collapse.",
        "Denies chest pain, dyspnoea or syncope.",
        "Denies dyspnoea, syncope or crushing chest pain.",
        "Denies fever, headache, crushing chest pain and syncope.",
        "Denies fever, neck stiffness, confusion.",
        "Negative for fever, neck stiffness and photophobia.",
        "No fever, vomiting or crushing chest pain.",
        "No cough, fever, neck stiffness or confusion.",
        "He denies any crushing chest pain or sweating.",
        "No suicidal ideation or plan.",
        "Anaphylaxis to peanuts, ten years ago.",
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
