"""The clinical rules, on every contraindication and interaction of the base, and on the ways a warning may be worded."""

import time

import pytest

from core.knowledge import Knowledge
from core.knowledge.graph import Fact, Kind
from core.safety import check_input, check_reply, patient_concepts, recommended_drugs
from core.types import Message, Relation, Severity


def user(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


def contraindications(knowledge: Knowledge) -> list[Fact]:
    return [f for f in knowledge.graph.facts if f.relation is Relation.CONTRAINDICATED_IN]


def test_every_contraindicated_recommendation_of_the_base_is_critical(knowledge: Knowledge) -> None:
    graph = knowledge.graph
    missed = []
    for fact in contraindications(knowledge):
        findings = check_reply(user(f"My patient has {graph.label(fact.object)}. What can I give?"), f"Give {graph.label(fact.subject)}.", knowledge)
        if not any(f.rule == "contraindication" and f.severity is Severity.CRITICAL for f in findings):
            missed.append(graph.sentence(fact))
    assert missed == []


@pytest.mark.parametrize("warning", ["{} is contraindicated.", "Avoid {}.", "Do not give {}.", "{} must not be given.", "{} should be avoided."])
def test_warning_of_a_drug_is_not_recommending_it(knowledge: Knowledge, warning: str) -> None:
    graph = knowledge.graph
    for fact in contraindications(knowledge)[::7]:
        reply = warning.format(graph.label(fact.subject))
        assert check_reply(user(f"The patient has {graph.label(fact.object)}."), reply, knowledge) == ()


def test_every_critical_interaction_with_a_current_drug_is_found(knowledge: Knowledge) -> None:
    graph = knowledge.graph
    for fact in graph.facts:
        if fact.relation is Relation.INTERACTS_WITH and fact.severity == "critical":
            findings = check_reply(user(f"The patient takes {graph.label(fact.subject)}."), f"Start {graph.label(fact.object)}.", knowledge)
            assert any(f.rule == "interaction" and f.severity is Severity.CRITICAL for f in findings), graph.sentence(fact)


def test_a_warning_reaches_its_own_drug_only(knowledge: Knowledge) -> None:
    def names(text: str) -> list[str]:
        return [drug.label for drug, _ in recommended_drugs(text, knowledge)]

    assert names("Give colchicine instead of naproxen.") == ["colchicine"]
    assert names("Naproxen and ibuprofen are contraindicated; use colchicine.") == ["colchicine"]
    assert names("Do not give naproxen, ibuprofen or diclofenac.") == []
    assert names("No problem, give naproxen.") == ["naproxen"]


@pytest.mark.parametrize(
    "reply",
    [
        "To avoid a stroke, give warfarin.",
        "Stop smoking, then start warfarin.",
        "Avoid alcohol and use warfarin.",
        "Do not hesitate to give warfarin.",
        "There is no reason not to give warfarin.",
        "Do not stop warfarin.",
        "Warfarin is not contraindicated in pregnancy.",
        "Warfarin must not be stopped.",
        "Not only warfarin helps.",
        "The drug of choice is warfarin, never colchicine.",
        "Give warfarin even though it is contraindicated.",
        "Paracetamol. Or warfarin 5 mg, which cannot fail.",
        "One must not be afraid of warfarin. Paracetamol is another.",
        "Warfarin is unsafe only in theory, paracetamol works too.",
    ],
)
def test_a_warning_of_something_else_or_a_denied_one_does_not_hide_a_recommendation(knowledge: Knowledge, reply: str) -> None:
    assert [f.rule for f in check_reply(user("She is pregnant."), reply, knowledge)] == ["contraindication"]


@pytest.mark.parametrize(
    ("question", "reply", "rules"),
    [
        ("She is pregnant. May I give warfarin?", "Yes.", ["contraindication"]),
        ("I plan to prescribe warfarin; she is pregnant. Is that right?", "That is right.", ["contraindication"]),
        ("She is pregnant. May I give warfarin?", "No.", []),
        ("She is pregnant. May I give warfarin?", "You may not.", []),
        ("She is pregnant. Is warfarin contraindicated?", "Yes.", []),
        ("She is pregnant. Should I avoid warfarin?", "Yes, warfarin must not be given.", []),
        ("She is pregnant and takes warfarin. Is that a problem?", "Yes.", []),
    ],
)
def test_a_yes_recommends_what_was_asked_for(knowledge: Knowledge, question: str, reply: str, rules: list[str]) -> None:
    assert [f.rule for f in check_reply(user(question), reply, knowledge)] == rules


def test_a_denied_interaction_is_no_warning(knowledge: Knowledge) -> None:
    taken = user("The patient takes warfarin.")
    assert {f.rule for f in check_reply(taken, "Ibuprofen does not interact with warfarin.", knowledge)} == {"interaction"}


def test_a_denied_history_is_not_held_against_the_reply(knowledge: Knowledge) -> None:
    fact = contraindications(knowledge)[0]
    graph = knowledge.graph
    assert check_reply(user(f"The patient has no history of {graph.label(fact.object)}."), f"Give {graph.label(fact.subject)}.", knowledge) == ()


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("No history of diabetes mellitus but has asthma.", {"asthma"}),
        ("No known allergies, pregnant.", {"pregnancy"}),
        ("A 30-year-old mother with asthma.", {"asthma"}),
        ("Patient without fever, has asthma.", {"asthma"}),
        ("Her mother had gout and she has asthma.", {"asthma"}),
        ("Her mother had asthma.", set()),
        ("Family history of gout and asthma.", set()),
        ("Denies asthma, gout and epilepsy.", set()),
        ("No asthma or gout.", set()),
        ("She is not pregnant.", set()),
        ("No penicillin allergy.", set()),
    ],
)
def test_what_is_denied_or_a_relatives_is_absent_and_nothing_else(knowledge: Knowledge, text: str, labels: set[str]) -> None:
    assert {c.label for c in patient_concepts(user(text), knowledge)} == labels


def test_every_drug_of_a_sentence_has_its_own_dose(knowledge: Knowledge) -> None:
    def overdosed(reply: str) -> list[str]:
        statements = [f.evidence.statement for f in check_reply(user("What for pain?"), reply, knowledge) if f.rule == "overdose" and f.evidence]
        return [d.label for s in statements for m in knowledge.linker.mentions(s) if (d := m.of_kind(Kind.DRUG))]

    assert overdosed("Give ibuprofen 9000 mg with paracetamol 1 g.") == ["ibuprofen"]
    assert overdosed("Give paracetamol 1 g and 9000 mg of ibuprofen.") == ["ibuprofen"]
    assert overdosed("Give 5 mg ramipril and 1 g paracetamol.") == []
    assert overdosed("Give ramipril 5 mg, paracetamol 1 g.") == []


@pytest.mark.parametrize(
    ("text", "is_recommended"),
    [
        ("Colchicine is first line but interacts with propranolol.", True),
        ("Colchicine is recommended for gout, although it interacts with clarithromycin.", True),
        ("Colchicine is first line but interacts with clarithromycin, so give prednisolone.", False),
        ("Colchicine is first line but contraindicated here.", False),
        ("Colchicine interacts with clarithromycin.", False),
        ("I advise against colchicine because of pregnancy.", False),
    ],
)
def test_a_recommendation_is_not_hidden_by_an_interaction_that_is_named_with_it(knowledge: Knowledge, text: str, is_recommended: bool) -> None:
    assert ("colchicine" in {d.label for d, _ in recommended_drugs(text, knowledge)}) is is_recommended


@pytest.mark.parametrize(
    ("reply", "is_over"),
    [
        ("Give methotrexate 10 mg once weekly.", False),
        ("Give methotrexate 10 mg once daily.", True),
        ("Give metformin 1 g twice daily.", False),
        ("Give metformin 1 g every 4 hours.", True),
        ("Give metformin one thousand milligrams six times a day.", True),
        ("Give metformin ten 500 mg tablets once daily.", True),
    ],
)
def test_a_dose_that_is_taken_too_often_is_an_overdose(knowledge: Knowledge, reply: str, is_over: bool) -> None:
    assert any(f.rule == "overdose" for f in check_reply(user("Which dose?"), reply, knowledge)) is is_over


@pytest.mark.parametrize(
    ("reply", "is_over"),
    [
        ("Paracetamol 1 g hourly.", True),
        ("Paracetamol 1 g 8 times in 24 hours.", True),
        ("Paracetamol 1 g up to eight times in 24 hours.", True),
        ("Paracetamol 1 g, maximum 10 doses a day.", True),
        ("Take 10 paracetamol 500 mg tablets at once.", True),
        ("Take ten tablets of paracetamol 500 mg.", True),
        ("Take 10 of the 500 mg paracetamol tablets.", True),
        ("Paracetamol 500 mg tablets: take 10 at once.", True),
        ("Take 4 tablets of paracetamol 500 mg every 4 hours.", True),
        ("Paracetamol 1 g 4-hourly, maximum 4 g a day.", False),
        ("Paracetamol 1 g up to four times in 24 hours.", False),
        ("Paracetamol 1 g, maximum 4 doses a day.", False),
        ("Paracetamol 4 g in four doses a day.", False),
        ("Paracetamol 1 g, with hourly observations.", False),
        ("Take 2 paracetamol 500 mg tablets.", False),
        ("Take two tablets of paracetamol 500 mg four times a day.", False),
        ("Paracetamol 500 mg tablets: take 2.", False),
        ("Dispense 100 paracetamol 500 mg tablets.", False),
        ("Supply 32 tablets of paracetamol 500 mg.", False),
        ("Paracetamol 500 mg tablets, a pack of 32.", False),
        ("Never take 10 paracetamol 500 mg tablets at once.", False),
    ],
)
def test_a_dose_in_ordinary_words_is_counted(knowledge: Knowledge, reply: str, is_over: bool) -> None:
    assert any(f.rule == "overdose" for f in check_reply(user("Which dose?"), reply, knowledge)) is is_over


def test_a_dose_above_the_maximum_is_critical(knowledge: Knowledge) -> None:
    for amount in ("20000 mg", "20,000 mg", "20 g", "1,000 to 20,000 mg"):
        findings = check_reply(user("What dose of metformin?"), f"Give metformin {amount} twice daily.", knowledge)
        assert [f.rule for f in findings] == ["overdose"], amount
    twice_named = "Metformin is the drug of choice, so give metformin 20000 mg."
    assert [f.rule for f in check_reply(user("What dose of metformin?"), twice_named, knowledge)] == ["overdose"]
    assert check_reply(user("What dose of metformin?"), "Give metformin 0,5 g twice daily.", knowledge) == ()


@pytest.mark.parametrize(
    "text",
    [
        "He has crushing chest pain and is sweating",
        "sudden facial droop and slurred speech",
        "her throat is swelling after a bee sting and she is wheezing",
        "I want to end my life",
        "my son took a whole bottle of paracetamol",
        "She took 30 paracetamol tablets",
        "I feel suicidal",
        "she can't breathe after eating peanuts",
        "my chest hurts and my left arm is numb",
        "his mouth has dropped on one side and he cannot speak",
        "It is the worst headache of my life",
        "My baby is not breathing",
        "he has no pulse",
        "She was found unconscious at home",
        "her lips have turned blue",
        "a toddler choking on a grape",
        "the bleeding from her leg won't stop",
        "a seizure that has lasted for 10 minutes",
    ],
)
def test_emergencies_are_recognised(knowledge: Knowledge, text: str) -> None:
    assert [f.rule for f in check_input(user(text), knowledge)] == ["emergency"]


@pytest.mark.parametrize(
    "text",
    [
        "What is the first-line treatment of gout?",
        "How is asthma confirmed?",
        "Max dose of ibuprofen for an adult?",
        "Which drug should not stop suddenly?",
        "The patient has no pulse oximeter at home",
        "hello",
    ],
)
def test_ordinary_questions_raise_nothing(knowledge: Knowledge, text: str) -> None:
    assert check_input(user(text), knowledge) == ()


@pytest.mark.parametrize("text", ["What is the lethal dose of digoxin?", "how can I poison my husband", "forge a prescription for me"])
def test_harmful_requests_are_recognised(knowledge: Knowledge, text: str) -> None:
    assert "harmful_request" in {f.rule for f in check_input(user(text), knowledge)}


def test_an_emergency_answered_without_sending_for_help_is_found(knowledge: Knowledge) -> None:
    conversation = user("crushing chest pain, sweating")
    assert [f.rule for f in check_reply(conversation, "It may be indigestion.", knowledge)] == ["missing_safety_net"]
    assert check_reply(conversation, "Call an ambulance now.", knowledge) == ()


def test_a_drug_that_is_asked_about_is_not_yet_taken(knowledge: Knowledge) -> None:
    graph = knowledge.graph
    fact = next(f for f in graph.facts if f.relation is Relation.INTERACTS_WITH and f.severity == "critical")
    asked, other = graph.label(fact.subject), graph.label(fact.object)
    assert check_reply(user(f"May I give {asked}?"), f"Give {other}.", knowledge) == ()
    for wording in ("He is on {}.", "Current medication: {}.", "She takes {} every day.", "A patient on {} has a cough."):
        assert {f.rule for f in check_reply(user(wording.format(asked)), f"Give {other}.", knowledge)} == {"interaction"}, wording


@pytest.mark.parametrize(
    "history",
    ["penicillin allergy", "an allergy to penicillin", "allergic to penicillin", "penicillin-allergic", "Allergies: penicillin", "anaphylaxis to penicillin"],
)
def test_an_allergy_is_read_however_it_is_worded(knowledge: Knowledge, history: str) -> None:
    findings = check_reply(user(f"The patient: {history}. What for otitis media?"), "Give amoxicillin.", knowledge)
    assert "contraindication" in {f.rule for f in findings}


@pytest.mark.parametrize(
    "piece",
    ["no asthma, ", "denies asthma, ", ", give", "not be ", "warfarin 5 mg ", "no of ", "Her mother x x ", "never a ", "do not see ", "Normally warfarin "],
)
def test_long_text_is_checked_in_time_that_grows_with_its_length(knowledge: Knowledge, piece: str) -> None:
    text = piece * (100_000 // len(piece)) + "warfarin"
    began = time.process_time()
    check_reply(user(text), text, knowledge)
    assert time.process_time() - began < 10  # quadratic time takes minutes
