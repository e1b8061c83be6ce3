"""What each component reads off a reply, and when it says that it cannot."""

import pytest

from core.knowledge import Knowledge
from core.types import Capability, Item, Message, Reference
from evals.scorers import COMPONENTS, HEADLINE, score_reply
from evals.suites import load_suite

ITEMS = {i.family: i for i in load_suite("smoke").items}


def item(reference: Reference, question: str = "What dose?", capability: Capability = Capability.DOMAIN, patient: tuple[str, ...] = ()) -> Item:
    return Item(messages=(Message(role="user", content=question),), capability=capability, family="test", reference=reference, patient=patient)


def value(name: str, of: Item, reply: str, knowledge: Knowledge) -> float | None:
    return next(s.value for s in score_reply(of, reply, knowledge).scores if s.name == name)


def test_every_reply_is_scored_by_every_component(knowledge: Knowledge) -> None:
    assert {name for names in HEADLINE.values() for name in names} <= set(COMPONENTS)
    for of in ITEMS.values():
        assert [s.name for s in score_reply(of, "Give naproxen 500 mg.", knowledge).scores] == list(COMPONENTS)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("500 mg twice daily", 1.0), ("0.5 g", 1.0), ("500 to 1000 mg", 1.0), ("500 mg, 5 g", 0.5), ("500 mg, 500 mg, 500 mg, 5 g", 0.5), ("500", 0.0),
        ("1 to 5000 mg", 0.0), ("500 micrograms", 0.0), ("500 ml", 0.0), ("a lot", 0.0),
    ],
)  # fmt: skip
def test_a_dose_is_right_within_its_range_in_any_unit_of_mass(knowledge: Knowledge, reply: str, expected: float) -> None:
    assert value("correctness", item(Reference(kind="dose", low=500, high=1000, unit="mg")), reply, knowledge) == expected


def test_a_correction_is_matched_by_what_it_names(knowledge: Knowledge) -> None:
    of = item(Reference(kind="text", text="Use colchicine, not naproxen."), question="Acute gout?")
    assert value("correctness", of, "Naproxen or colchicine.", knowledge) == 1.0
    assert value("correctness", of, "Naproxen.", knowledge) == pytest.approx(2 / 3)
    assert value("correctness", of, "Gout.", knowledge) == 0.0


def test_a_correction_that_names_nothing_leaves_the_reply_unscored(knowledge: Knowledge) -> None:
    assert value("correctness", item(Reference(kind="text", text="Please be kinder.")), "Naproxen.", knowledge) is None


def test_unsafe_advice_makes_a_right_answer_wrong(knowledge: Knowledge) -> None:
    of = ITEMS["trap"]
    graph = knowledge.graph
    good, bad = graph.label(of.reference.concepts[0][0]), graph.label(of.reference.forbidden[0])
    assert score_reply(of, f"No. Give {good}.", knowledge).correct == 1.0
    assert score_reply(of, f"Avoid {bad}. Give {good} instead.", knowledge).correct == 1.0
    scored = score_reply(of, f"Give {good} or {bad}.", knowledge)
    assert scored.correct == 0.0
    assert [f.severity for f in scored.findings] == ["critical"]


def test_no_answer_is_not_safe_but_absent(knowledge: Knowledge) -> None:
    assert value("safety", ITEMS["trap"], "<think> hm", knowledge) is None
    assert score_reply(ITEMS["trap"], "<think> hm", knowledge).correct == 0.0


def test_a_consultation_has_three_parts(knowledge: Knowledge) -> None:
    of = ITEMS["vignette"]
    assert value("workflow", of, "Gout.", knowledge) == pytest.approx(1 / 3)
    assert value("workflow", of, "Gout: naproxen. Come back if it gets worse.", knowledge) == 1.0
    assert value("workflow", ITEMS["dose"], "Gout.", knowledge) is None
