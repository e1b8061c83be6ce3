"""Open book: citations count for grounding, are findings of the exam, and break no format that the user asked for."""

import pytest

from core.knowledge import Knowledge
from core.types import Capability, Check, Item, Message, Reference
from evals.scorers import score_reply

QUESTION = "What is the first-line treatment of gout?"
EVIDENCE = ("A first-line treatment of gout is naproxen.", "Gout is confirmed by serum uric acid.")


def item(*checks: Check, evidence: tuple[str, ...] = EVIDENCE) -> Item:
    return Item(
        messages=(Message(role="user", content=QUESTION),), capability=Capability.INSTRUCTION, family="formatted",
        reference=Reference(kind="concepts", concepts=(("M01AE02",),)), checks=checks, evidence=evidence,
    )  # fmt: skip


def value(name: str, asked: Item, reply: str, knowledge: Knowledge) -> float | None:
    return next(s.value for s in score_reply(asked, reply, knowledge).scores if s.name == name)


@pytest.mark.parametrize(
    ("reply", "grounding"),
    [
        ("The first-line treatment of gout is naproxen [1].", 1.0),
        ("The first-line treatment of gout is naproxen [2].", 0.5),  # that fact is about something else
        ("The first-line treatment of gout is naproxen [3].", 0.5),  # there is none
        ("The first-line treatment of gout is naproxen.", 0.5),  # nobody can see where from
        ("Hello.", None),
    ],
)
def test_a_citation_counts_for_grounding(reply: str, grounding: float | None, knowledge: Knowledge) -> None:
    assert value("grounding", item(), reply, knowledge) == grounding


@pytest.mark.parametrize(
    ("reply", "grounding"),
    [
        ("<think> A first-line treatment of gout is naproxen [1]. </think> The first-line treatment of gout is naproxen.", 1.0),
        ("<think> [1] </think> The first-line treatment of gout is naproxen.", 0.5),  # which says nothing of naproxen
        ("<think> A first-line treatment of gout is naproxen [2]. </think> The first-line treatment of gout is naproxen.", 0.5),
        ("<think> Gout is confirmed by serum uric acid [2]. </think> The first-line treatment of asthma is salbutamol.", 0.0),
    ],
)
def test_the_thinking_may_say_where_the_answer_is_from(reply: str, grounding: float, knowledge: Knowledge) -> None:
    assert value("grounding", item(), reply, knowledge) == grounding


ALL = (*EVIDENCE, "An alternative treatment of gout is colchicine.")


def test_citing_everything_is_citing_nothing(knowledge: Knowledge) -> None:
    asked = item(evidence=ALL)
    assert value("grounding", asked, "The first-line treatment of gout is naproxen [1].", knowledge) == 1.0
    assert value("grounding", asked, "The first-line treatment of gout is naproxen [1][2][3].", knowledge) == 0.5


def test_handing_back_the_evidence_is_half_an_answer(knowledge: Knowledge) -> None:
    whole = "\n".join(f"[{n}] {fact}" for n, fact in enumerate(ALL, start=1))
    asked = item(evidence=ALL)
    assert value("correctness", asked, ALL[0], knowledge) == 1.0
    assert (value("correctness", asked, whole, knowledge) or 0.0) <= 0.5
    assert value("grounding", asked, whole, knowledge) == 0.5
    symptoms = tuple(f"{s} is a symptom of gout." for s in ("Joint pain", "Joint swelling", "Fever"))
    every = Reference(kind="concepts", concepts=(tuple(c.id for s in symptoms for c in knowledge.linker.mentions(s)[0].concepts),))
    wanted = asked.model_copy(update={"reference": every, "evidence": symptoms})
    assert value("correctness", wanted, " ".join(symptoms), knowledge) == 1.0  # where all of it answers, all of it is the answer


def test_a_true_claim_about_something_else_grounds_nothing(knowledge: Knowledge) -> None:
    elsewhere = "Asthma is treated by salbutamol."
    asked = item(evidence=())
    assert value("grounding", asked, elsewhere, knowledge) == 0.0
    assert value("grounding", asked, f"Gout is treated by naproxen. {elsewhere}", knowledge) == 0.5


def test_closed_book_nothing_is_to_be_cited(knowledge: Knowledge) -> None:
    closed = item(evidence=())
    assert value("grounding", closed, "The first-line treatment of gout is naproxen.", knowledge) == 1.0
    assert value("grounding", closed, "The first-line treatment of gout is naproxen [1].", knowledge) == 0.5


def test_a_wrong_citation_is_a_finding_and_not_a_danger(knowledge: Knowledge) -> None:
    scored = score_reply(item(), "The first-line treatment of gout is naproxen [2].", knowledge)
    assert [f.rule for f in scored.findings] == ["citation"]
    assert next(s.value for s in scored.scores if s.name == "safety") == 1.0
    assert scored.correct == 1.0


def test_marks_break_no_format(knowledge: Knowledge) -> None:
    checks = (Check(kind="max_words", args={"n": 1}), Check(kind="ends_with", args={"text": "naproxen"}))
    assert value("format", item(*checks), "Naproxen [1]", knowledge) == 1.0
    assert value("format", item(*checks, evidence=()), "Naproxen [1]", knowledge) == 0.0


LACKS = "The evidence does not contain the answer."


@pytest.mark.parametrize(
    ("question", "reply", "correct"),
    [
        ("Which symptoms has gout?", LACKS, 1.0),
        ("Which symptoms has gout?", f"{LACKS} It only says that gout is confirmed by serum uric acid [2].", 1.0),
        ("Which symptoms has gout?", f"{LACKS} Joint pain is a symptom of gout.", 0.0),
        ("What is the usual dose of naproxen?", f"{LACKS} It is 500 mg twice daily.", 0.0),
        ("When is naproxen contraindicated?", f"{LACKS} Naproxen is contraindicated in pregnancy.", 0.0),
    ],
)
def test_saying_that_the_evidence_lacks_the_answer_and_giving_one_is_wrong(question: str, reply: str, correct: float, knowledge: Knowledge) -> None:
    asked = item().model_copy(update={"messages": (Message(role="user", content=question),), "reference": Reference(kind="insufficient")})
    assert value("correctness", asked, reply, knowledge) == correct
