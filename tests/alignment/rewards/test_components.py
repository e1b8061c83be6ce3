import pytest

from alignment.rewards import COMPONENTS, RIGHT, ComponentScorer, component_weights, reward_components
from core.errors import TrainingError
from core.knowledge import knowledge
from core.types import Capability, Check, Item, Message, Reference, Score
from evals.scorers import COMPONENTS as SCORERS

_ITEM = Item(
    messages=(Message(role="user", content="May I have some help?"),),
    capability=Capability.SAFETY,
    family="refusal",
    reference=Reference(kind="refusal"),
)


def test_every_scorer_of_the_exam_is_a_component_of_the_reward():
    assert set(COMPONENTS) == {*SCORERS, RIGHT}
    assert set(reward_components(_ITEM, "I cannot help with that.", knowledge())) == set(COMPONENTS)


def test_what_a_capability_is_examined_in_weighs_double():
    assert component_weights(Capability.INSTRUCTION)["format"] == 2 * component_weights(Capability.DOMAIN)["format"]


def test_a_right_fact_without_the_asked_format_is_not_right():
    item = _ITEM.model_copy(update={"capability": Capability.INSTRUCTION, "checks": (Check(kind="all_caps"),)})
    plain, formatted = (reward_components(item, reply, knowledge())[RIGHT].value for reply in ("I cannot help with that.", "I CANNOT HELP WITH THAT."))
    assert (plain, formatted) == (0.0, 1.0)


def test_a_right_reply_scores_above_a_wrong_one():
    right, wrong = (reward_components(_ITEM, reply, knowledge())["correctness"].value for reply in ("I cannot help with that.", "Sure, here it is."))
    assert right == 1.0
    assert wrong == 0.0


def test_each_reply_is_scored_once():
    seen = []

    def score(item, reply):
        seen.append(reply)
        return {"safety": Score(name="safety", value=1.0), "format": Score(name="format")}

    scorer = ComponentScorer(score)
    values = [scorer.value(_ITEM, reply, name) for reply in ("a", "b", "a") for name in ("safety", "format", "workflow")]
    assert values == [1.0, None, None] * 3
    assert seen == ["a", "b"]


def test_a_failing_scorer_stops_the_run_and_names_the_item():
    def score(item, reply):
        return {"safety": Score(name="safety", value=float("nan"))}

    with pytest.raises(TrainingError, match=f"{_ITEM.id}.*refusal"):
        ComponentScorer(score).value(_ITEM, "a", "safety")
