import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alignment.grpo.advantages import group_advantages, plain_advantages
from alignment.grpo.batch import Batch
from alignment.grpo.objectives import objectives_of
from core.types import Capability
from tests.alignment.grpo.conftest import make_sample

COMPONENTS = ("correctness", "format", "right")
PROMPTS = [
    make_sample(Capability.DOMAIN, 0),
    make_sample(Capability.SAFETY, 0),
    make_sample(Capability.DOMAIN, 1),
    make_sample(Capability.DOMAIN, 2),
    make_sample(Capability.DOMAIN, 9, "anchor"),
]
VALUES = arrays(np.float64, (len(PROMPTS) * 4, 3), elements=st.sampled_from([0.0, 0.5, 1.0, np.nan]))


def weights(capability):
    return {"correctness": 1.0, "format": 0.5, "right": 0.0}


def batch_of(values_NF, objectives="capability", kind="components"):
    return Batch(values_NF, PROMPTS, objectives_of(PROMPTS, objectives, weights), COMPONENTS, weights, kind)


@given(VALUES, st.sampled_from(["capability", "component"]), st.sampled_from(["sum", "gdpo", "components"]))
def test_an_objective_s_advantages_are_on_its_own_rows_alone(values, objectives, kind):
    batch = batch_of(values, objectives, kind)
    assert batch.advantages_NK.shape == (20, len(batch.objectives))
    assert np.isfinite(batch.advantages_NK).all()
    for k, objective in enumerate(batch.objectives):
        assert not batch.advantages_NK[batch.part_N != objective.part, k].any()
    if kind != "gdpo":  # which is centred over the batch alone
        assert np.abs(batch.advantages_NK.reshape(5, 4, -1).sum(axis=1)).max(initial=0.0) < 1e-9
    assert (batch.live_K == batch.advantages_NK.any(axis=0)).all()


@given(VALUES)
def test_a_capability_s_column_is_that_of_its_groups(values):
    batch = batch_of(values)
    assert batch.names == ["anchor:domain", "domain", "safety"]
    assert batch.advantages_NK[8:12, 1] == pytest.approx(group_advantages(values[8:12], COMPONENTS, weights(Capability.DOMAIN)))
    plain = batch_of(values, kind="sum")
    assert plain.advantages_NK[8:12, 1] == pytest.approx(plain_advantages(values[8:12], COMPONENTS, weights(Capability.DOMAIN)))


def test_components_without_signal_are_no_objectives():
    values = np.tile([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], (5, 1))
    batch = batch_of(values, "component")
    assert batch.names == ["anchor:domain", "domain/format", "safety/format"]
    assert batch_of(np.ones((20, 3)), "component").names == ["anchor:domain"]
    assert not batch_of(np.ones((20, 3))).live_K.any()


def test_halves_take_turns_within_a_part():
    assert batch_of(np.ones((20, 3))).half_P.tolist() == [0, 0, 1, 0, 0]


def test_shares_of_prompts_that_no_reply_and_that_every_reply_got_right():
    values = np.ones((20, 3))
    values[:4, 2] = [0.0, 0.4, np.nan, 0.0]  # never
    values[4:8, 2] = [0.0, 1.0, 1.0, 1.0]
    values[8:12, 2] = [1.0, np.nan, 1.0, 0.7]  # always
    values[12:20, 2] = np.nan  # not judged
    assert batch_of(values).never_and_always() == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_whitening_looks_at_the_whole_batch_and_plain_grpo_at_one_group():
    values = np.zeros((20, 3))
    values[0:4, 0], values[4:8, 0] = [0, 0, 0, 1], [0, 0, 1, 1]
    plain, whitened = batch_of(values, kind="sum"), batch_of(values, kind="gdpo")
    assert plain.advantages_NK[:4, 1].std() == pytest.approx(plain.advantages_NK[4:8, 2].std())
    assert whitened.advantages_NK.sum(axis=1).std() == pytest.approx(1.0)
    assert whitened.advantages_NK[:4, 1].std() > 1.0  # the flat groups count too


@pytest.mark.parametrize("kind", ["sum", "gdpo", "components"])
def test_a_flat_group_is_flat_whatever_the_others_are(kind):
    values = np.random.default_rng(0).random((20, 3))
    values[4:8] = 0.5  # the only group of safety
    batch = batch_of(values, kind=kind)
    assert batch.flat_share() == pytest.approx(1 / 5)
    assert dict(zip(batch.names, batch.live_K, strict=True)) == {"anchor:domain": True, "domain": True, "safety": False}
