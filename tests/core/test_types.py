"""Values are frozen and closed; hashes depend on content alone; an item's id is about what is asked and expected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.states import RoundStatus
from core.types import Capability, ExamItem, Item, Message, Provenance, Reference, Score, TrainingSample, content_hash
from evals.decision import GatePolicy

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def item(question: str = "What?") -> Item:
    return Item(messages=(Message(role="user", content=question),), capability=Capability.DOMAIN, family="recall", reference=Reference(kind="urgent"))


@given(JSON)
def test_a_hash_survives_the_way_through_json(payload: object) -> None:
    assert content_hash(json.loads(json.dumps(payload))) == content_hash(payload)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_a_hash_does_not_depend_on_the_order_of_keys(payload: dict[str, int]) -> None:
    assert content_hash(dict(reversed(payload.items()))) == content_hash(payload)


def test_a_lone_surrogate_from_a_client_can_be_hashed() -> None:
    assert content_hash("\ud800") != content_hash("\ud801")


def test_provenance_and_cluster_do_not_change_an_items_id() -> None:
    fields = item().model_dump()
    sample = TrainingSample(**fields, provenance=Provenance(source="mkgsg", generator="g", recipe_hash="h"))
    assert sample.id == ExamItem(**fields, cluster="c").id == item().id


def test_a_changed_copy_has_its_own_id() -> None:
    original = item()
    known = original.id
    changed = original.model_copy(update={"family": "other"})
    assert changed.id != known
    assert original.id == known
    assert original.model_copy() == original == item()


def test_values_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        item().family = "other"  # type: ignore[misc]  # what the test is about
    with pytest.raises(ValidationError, match="Extra inputs"):
        Message.model_validate({"role": "user", "content": "", "name": "x"})


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_score_outside_0_to_1_cannot_be_made(value: float) -> None:
    with pytest.raises(ValidationError):
        Score(name="x", value=value)


def test_a_policy_that_requires_nothing_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="required"):
        GatePolicy(
            suite="s", margin=0.1, alpha=0.05, min_power=0.8, min_coverage=0.9, critical_findings="none", max_latency_ratio=2, required=(), superiority="none"
        )


def test_four_states_of_a_round_are_final() -> None:
    assert {s.value for s in RoundStatus if s.is_final} == {"promoted", "held", "failed", "cancelled"}
