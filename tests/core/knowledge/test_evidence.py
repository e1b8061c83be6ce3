"""The facts that a question is asked with: those it is about, of those only what it asks, within the room there is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.knowledge import Knowledge, builtin
from core.knowledge.evidence import estimated_tokens, retrieve, with_evidence
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.types import Message, Relation


def user(text: str) -> Message:
    return Message(role="user", content=text)


def found(known: Knowledge, *messages: Message | str, budget: int = 300) -> list[str]:
    asked = [m if isinstance(m, Message) else user(m) for m in messages]
    return [known.graph.sentence(f) for f in retrieve(asked, known, budget)]


def relations(known: Knowledge, question: str) -> set[Relation]:
    return {f.relation for f in retrieve([user(question)], known)}


@pytest.mark.parametrize(
    ("question", "relation"),
    [
        ("What is the first-line treatment of gout?", Relation.TREATED_BY),
        ("Which symptoms does gout have?", Relation.HAS_SYMPTOM),
        ("How is gout confirmed?", Relation.INVESTIGATED_BY),
        ("What are the red flags of gout?", Relation.RED_FLAG),
        ("How much naproxen should an adult take?", Relation.DOSE),
        ("When is naproxen contraindicated?", Relation.CONTRAINDICATED_IN),
        ("Which drug interacts with naproxen?", Relation.INTERACTS_WITH),
        ("What makes combined oral contraceptive pill a bad choice?", Relation.CONTRAINDICATED_IN),  # the name holds words of a question
    ],
)
def test_only_what_is_asked_is_found(question: str, relation: Relation, knowledge: Knowledge) -> None:
    assert relations(knowledge, question) == {relation}


def test_the_drugs_of_the_condition_are_joined_with_the_patients_history(knowledge: Knowledge) -> None:
    facts = found(knowledge, "The patient has osteoarthritis and a history of congestive heart failure. Which medicine would you choose?")
    assert "An alternative treatment of osteoarthritis is paracetamol." in facts
    assert "Naproxen is contraindicated in congestive heart failure (severe heart failure)." in facts
    assert not any(f.startswith("Congestive heart failure is treated") for f in facts)  # it is not what is asked about


@pytest.mark.parametrize(
    "conversation",
    [
        (Message(role="system", content="The patient takes warfarin."), "Which drug for osteoarthritis?"),
        ("My patient takes warfarin.", Message(role="assistant", content="Noted."), "Which drug for osteoarthritis?"),
        ("Osteoarthritis in a patient on warfarin: which drug?",),
        ("What treats osteoarthritis?", Message(role="assistant", content="Naproxen."), "And if she takes warfarin?"),
    ],
)
def test_history_comes_from_the_question_the_conversation_or_the_system_message(conversation: tuple[Message | str, ...], knowledge: Knowledge) -> None:
    facts = found(knowledge, *conversation)
    assert "Warfarin interacts with naproxen: bleeding (significant)." in facts
    assert "A first-line treatment of osteoarthritis is naproxen." in facts


def test_what_is_denied_or_a_relatives_is_not_the_patients(knowledge: Knowledge) -> None:
    for text in ("No history of asthma. Which drug treats hypertension?", "His mother had asthma. Which drug treats hypertension?"):
        assert not any("asthma" in f for f in found(knowledge, text))
    assert any("asthma" in f for f in found(knowledge, "History of asthma. Which drug treats hypertension?"))


def test_a_presentation_finds_its_condition_and_with_a_plan_its_treatment(knowledge: Knowledge) -> None:
    symptoms = "palpitations, syncope and dyspnea"
    assert "Syncope is a symptom of hypertrophic cardiomyopathy." in found(knowledge, f"Someone has {symptoms}. Which diagnosis is most likely?")
    facts = found(knowledge, f"A patient presents with {symptoms}. History of peripheral artery disease. Give diagnosis, treatment and safety-net.")
    assert "An alternative treatment of hypertrophic cardiomyopathy is verapamil." in facts
    assert "Bisoprolol is contraindicated in peripheral artery disease (severe)." in facts


def test_a_rule_between_two_things_named_answers_alone(knowledge: Knowledge) -> None:
    assert found(knowledge, "Do warfarin and clarithromycin interact?") == ["Warfarin interacts with clarithromycin: bleeding (critical)."]


def test_a_pronoun_asks_about_what_was_answered(knowledge: Knowledge) -> None:
    assert found(knowledge, "What treats gout?", Message(role="assistant", content="Naproxen."), "What is its dose?") == [
        "The usual adult dose of naproxen is 250 to 500 mg twice daily."
    ]


@pytest.mark.parametrize("question", ["", "Hello", "Thank you.", "What is the weather like?"])
def test_small_talk_finds_nothing(question: str, knowledge: Knowledge) -> None:
    assert found(knowledge, question) == []
    assert found(knowledge, "What treats gout?", Message(role="assistant", content="Naproxen."), "Thank you.") == []


def test_where_nothing_answers_something_else_is_shown_so_that_the_reply_can_say_so() -> None:
    known = Knowledge.of(_small())
    assert found(known, "What is the treatment of marsh fever?") == ["Shivers is a symptom of marsh fever."]


def test_a_kind_of_a_condition_takes_what_is_known_of_the_wider_one_and_says_why() -> None:
    known = Knowledge.of(
        _small(Fact("C:marsh", Relation.IS_A, "C:fever", "test", "t:2"), Fact("C:fever", Relation.TREATED_BY, "D:a", "test", "t:3", line="first"))
    )
    assert found(known, "What is the treatment of marsh fever?") == [
        "Marsh fever is a kind of bog illness.",
        "A first-line treatment of bog illness is alphacillin.",
    ]
    rule = Fact("D:a", Relation.CONTRAINDICATED_IN, "C:fever", "test", "t:4")
    known = Knowledge.of(_small(Fact("C:marsh", Relation.IS_A, "C:fever", "test", "t:2"), rule))
    assert set(found(known, "Is alphacillin safe in marsh fever?")) == {
        "Alphacillin is contraindicated in bog illness.",
        "Marsh fever is a kind of bog illness.",
    }


def test_a_class_is_asked_about_through_its_drugs(knowledge: Knowledge) -> None:
    facts = found(knowledge, "Is an ACE inhibitor safe in pregnancy?")
    assert "Lisinopril is contraindicated in pregnancy (fetal renal toxicity)." in facts
    assert "Lisinopril is a kind of ACE inhibitor." in facts


@given(
    st.integers(0, 400), st.sampled_from(["What interacts with warfarin?", "Tell me about gout", "fever, headache and joint pain: diagnosis and treatment?"])
)
@settings(max_examples=60, deadline=None)
def test_more_room_only_adds(budget: int, question: str) -> None:
    known = builtin()
    less, more = (found(known, question, budget=b) for b in (budget, budget + 60))
    assert less == more[: len(less)]
    assert estimated_tokens("\n".join(less)) <= budget
    assert len(more) <= 12


def test_the_same_question_finds_the_same(knowledge: Knowledge) -> None:
    question = "A patient has fever, headache and joint pain. Which condition fits?"
    assert len({tuple(found(knowledge, question)) for _ in range(5)}) == 1


def test_the_block_stands_before_the_last_question_alone() -> None:
    conversation = (Message(role="system", content="s"), user("a"), Message(role="assistant", content="b"), user("c"))
    assert with_evidence(conversation, ()) == conversation
    *earlier, last = with_evidence(conversation, ("One.", "Two."))
    assert tuple(earlier) == conversation[:-1]
    assert last == user("Evidence:\n[1] One.\n[2] Two.\nQuestion: c")


def _small(*facts: Fact) -> Graph:
    concepts = (
        Concept("C:marsh", "marsh fever", Kind.CONDITION, (), "test"),
        Concept("C:fever", "bog illness", Kind.CONDITION, (), "test"),
        Concept("S:shivers", "shivers", Kind.SYMPTOM, (), "test"),
        Concept("D:a", "alphacillin", Kind.DRUG, (), "test"),
    )
    return Graph(concepts, (Fact("C:marsh", Relation.HAS_SYMPTOM, "S:shivers", "test", "t:1"), *facts))
