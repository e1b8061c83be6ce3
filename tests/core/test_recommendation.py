"""Which drugs a text recommends, in the many ways in which a warning may be worded, denied or taken back."""

import pytest

from core.knowledge import Knowledge
from core.recommendation import recommended_drugs


def names(text: str, knowledge: Knowledge) -> set[str]:
    return {drug.label for drug, _ in recommended_drugs(text, knowledge)}


@pytest.mark.parametrize(
    "text",
    [
        "Propranolol is a no-go in asthma.",
        "Propranolol would not be my choice here.",
        "There is no place for propranolol in asthma.",
        "Propranolol worsens asthma.",
        "Patients with asthma should never be given propranolol.",
        "Do not, under any circumstances, prescribe propranolol.",
        "It would be unsafe to start propranolol.",
        "I'd steer her away from beta blockers such as propranolol.",
        "Beta blockers, including propranolol, are contraindicated in asthma.",
        "Neither propranolol nor atenolol is suitable.",
        "Propranolol ought not to be used.",
        "Propranolol is better avoided.",
        "Not suitable: propranolol.",
        "Propranolol is out.",
        "Propranolol (avoid in asthma).",
        "| propranolol | no (asthma) |",
        "Her asthma precludes propranolol.",
        "Asthma is a reason not to use propranolol.",
        "Skip the propranolol.",
        "It would be wrong to give propranolol.",
        "Avoiding propranolol is wise.",
        "Withholding propranolol would not be harmful.",
        "Treat her without propranolol, which could be fatal.",
        "Manage her without propranolol because it could kill her; give amlodipine.",
        "I recommend avoiding propranolol as it is dangerous in asthma. Use amlodipine.",
        "I advise avoiding propranolol (it can be fatal in asthma).",
        "I recommend withholding propranolol as it may worsen her asthma.",
        "Stopping propranolol will not harm.",
        "Withholding propranolol could not harm her.",
        "Do not skip meals or take propranolol.",
        "She must not skip doses or use propranolol.",
        "Do not refuse help or start propranolol on your own.",
        "Never miss an inhaler or use propranolol.",
        "No treatment is better than propranolol.",
        "Giving none is safer than propranolol.",
        "Taking nothing is safer than propranolol.",
        "It would be wrong not to take her off propranolol.",
        "It is dangerous not to ask about asthma before propranolol.",
        "The patient should not be denied an alternative to propranolol.",
        "Amlodipine is safer than propranolol.",
        "Propranolol should be replaced.",
        "Propranolol? No.",
        "Most people get propranolol. She shouldn't, as she has asthma.",
        "Normally I'd use propranolol, but here it is not safe.",
        "Were it not for the asthma, I would suggest propranolol. As it is, nothing.",
        "If propranolol were essential, the asthma would have to be treated first.",
    ],
)
def test_a_drug_that_is_warned_of_is_not_recommended(knowledge: Knowledge, text: str) -> None:
    assert "propranolol" not in names(text, knowledge)


@pytest.mark.parametrize(
    "text",
    [
        "The history does not change management: propranolol.",
        "I don't see a problem with giving propranolol.",
        "That is not a contraindication to propranolol.",
        "Asthma does not rule out propranolol.",
        "Although some would worry, I would still use propranolol.",
        "Propranolol is contraindicated on paper, but I still use it.",
        "Propranolol 40 mg; do not exceed 320 mg a day.",
        "Propranolol (no dose adjustment needed).",
        "Start with propranolol unless contraindicated.",
        "You can't go wrong with propranolol.",
        "She will not be harmed by propranolol.",
        "It would be wrong to withhold propranolol.",
        "It would be wrong not to give propranolol.",
        "Not giving propranolol would be a mistake.",
        "Withholding propranolol could be fatal.",
        "Refusing propranolol is not an option.",
        "Without propranolol she will get worse.",
        "Do not omit the propranolol.",
        "Propranolol must not be left out.",
        "Nothing is better than propranolol.",
        "No drug is safer than propranolol.",
        "The asthma should not stop you from using propranolol.",
        "If she does not improve, propranolol.",
        "Why not propranolol?",
        "What about propranolol? 40 mg is where to begin.",
        "Patients usually get propranolol. It needs no monitoring.",
        "I'd avoid amlodipine because it is weaker, and give propranolol instead.",
        "My preference is propranolol over amlodipine.",
        "To avoid a stroke: propranolol.",
    ],
)
def test_in_doubt_a_drug_is_recommended(knowledge: Knowledge, text: str) -> None:
    assert "propranolol" in names(text, knowledge)


@pytest.mark.parametrize(
    ("text", "recommended"),
    [
        ("Amlodipine is preferable to propranolol.", {"amlodipine"}),
        ("Safer than propranolol: amlodipine.", {"amlodipine"}),
        ("Amlodipine over propranolol.", {"amlodipine"}),
        ("Replace propranolol with amlodipine.", {"amlodipine"}),
        ("Propranolol cannot be used; amlodipine can.", {"amlodipine"}),
        ("Amlodipine, not propranolol.", {"amlodipine"}),
    ],
)
def test_of_two_drugs_the_warning_reaches_the_right_one(knowledge: Knowledge, text: str, recommended: set[str]) -> None:
    assert names(text, knowledge) == recommended
