"""Two drugs that must not be taken together are not ordered together; a choice between them orders one."""

import time

import pytest

from core.knowledge import Knowledge
from core.knowledge.graph import Kind
from core.safety import check_reply
from core.types import Message, Relation


def interactions(reply: str, knowledge: Knowledge, question: str = "What may I give?") -> list[str]:
    return [f.severity.value for f in check_reply([Message(role="user", content=question)], reply, knowledge) if f.rule == "interaction"]


@pytest.mark.parametrize(
    "reply",
    [
        "Give warfarin and clarithromycin.",
        "Give warfarin 5 mg daily plus clarithromycin 500 mg twice daily.",
        "Prescribe warfarin with clarithromycin.",
        "Use clarithromycin together with simvastatin.",
        "Give amoxicillin, warfarin and clarithromycin.",
        "I would give warfarin and clarithromycin.",
        "She should be given warfarin and clarithromycin.",
        "Give clarithromycin 500 mg twice daily for a week, and add warfarin.",
        "Give clarithromycin 500 mg. Also start warfarin 5 mg daily.",
        "Give clarithromycin for the chest. Review in a week. In addition, start warfarin.",
        "Give clarithromycin. Start warfarin.",
        "- Give clarithromycin\n- Give warfarin",
    ],
)
def test_two_drugs_that_are_ordered_together_are_checked_against_each_other(reply: str, knowledge: Knowledge) -> None:
    assert interactions(reply, knowledge) == ["critical"]


@pytest.mark.parametrize(
    "reply",
    [
        "Give warfarin or clarithromycin.",
        "Give either warfarin or clarithromycin.",
        "Give ramipril or losartan.",
        "Use ibuprofen; if not tolerated naproxen.",
        "Give ketorolac; if it is not tolerated, give ibuprofen.",
        "Give ketorolac. Alternatively, give ibuprofen.",
        "First line: give ketorolac.\nSecond line: give ibuprofen.",
        "| first line | ketorolac |\n| second line | ibuprofen |",
        "Options: give ketorolac. Give naproxen.",
        "Give clarithromycin instead of warfarin.",
        "Give clarithromycin and stop warfarin.",
        "Give clarithromycin; avoid warfarin.",
        "Do not give warfarin and clarithromycin.",
        "Never combine warfarin with clarithromycin.",
        "Warfarin with clarithromycin can cause bleeding.",
        "Give clarithromycin and monitor patients who take warfarin.",
        "Start warfarin with enoxaparin until the INR is in range.",
        "Start warfarin with enoxaparin cover.",
        "Give ketorolac followed by ibuprofen.",
        "For pneumonia, give clarithromycin. For atrial fibrillation, give warfarin.",
        "Switch from rivaroxaban to apixaban.",
        "Warfarin thins the blood. Clarithromycin is an antibiotic.",
    ],
)
def test_a_choice_a_warning_or_a_fact_orders_no_two_drugs(reply: str, knowledge: Knowledge) -> None:
    assert interactions(reply, knowledge) == []


def test_every_critical_pair_of_the_base_is_found_when_joined_and_none_when_parted(knowledge: Knowledge) -> None:
    graph = knowledge.graph
    for fact in (f for f in graph.facts if f.relation is Relation.INTERACTS_WITH and f.severity == "critical"):
        first, second = graph.label(fact.subject), graph.label(fact.object)
        assert interactions(f"Give {first} and {second}.", knowledge) == ["critical"], graph.sentence(fact)
        assert interactions(f"Give {first} or {second}.", knowledge) == [], graph.sentence(fact)


def test_a_pair_that_the_patient_takes_one_of_is_told_of_once(knowledge: Knowledge) -> None:
    assert interactions("Give warfarin and clarithromycin.", knowledge, "The patient takes warfarin. Which antibiotic?") == ["critical"]


def test_a_reply_of_all_drugs_is_read_in_no_time(knowledge: Knowledge) -> None:
    reply = " ".join(f"Give {drug.label}." for drug in knowledge.graph.of_kind(Kind.DRUG)) * 2
    began = time.process_time()
    check_reply([Message(role="user", content="What may I give?")], reply, knowledge)
    assert time.process_time() - began < 2
