from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.grpo.objectives import is_anchor, part_of
from alignment.grpo.schedule import schedule
from alignment.recipe import Recipe
from core.errors import BadInput
from core.types import Capability
from tests.alignment.grpo.conftest import make_sample

_COUNTS = st.fixed_dictionaries(dict.fromkeys(Capability, st.integers(0, 6))).filter(lambda c: any(c.values()))


def _samples(counts, source="mkgsg"):
    return [make_sample(capability, i, source) for capability, count in counts.items() for i in range(count)]


@given(_COUNTS, st.integers(1, 7), st.integers(1, 12))
def test_every_capability_gets_equal_turns_and_no_sample_repeats_early(counts, prompts_per_step, steps):
    samples = _samples(counts)
    plan = schedule(samples, Recipe(steps=steps, warmup_steps=0, prompts_per_step=prompts_per_step))
    assert len(plan.order) == steps * plan.prompts_per_step == steps * prompts_per_step
    turns = Counter(samples[i].capability for i in plan.order)
    assert max(turns.values()) - min(turns[c] for c, n in counts.items() if n) <= 1
    for capability, count in counts.items():
        uses = Counter(i for i in plan.order if samples[i].capability is capability)
        assert not count or max(uses.values(), default=0) - min((uses[i] for i, s in enumerate(samples) if s.capability is capability)) <= 1


def test_each_step_asks_its_anchors_after_its_prompts():
    samples = _samples(dict.fromkeys(Capability, 2)) + _samples(dict.fromkeys(Capability, 1), "anchor")
    plan = schedule(samples, Recipe(steps=10, prompts_per_step=5, anchors_per_step=2))
    assert plan.prompts_per_step == 7
    steps = [plan.order[i : i + 7] for i in range(0, len(plan.order), 7)]
    assert all([is_anchor(samples[i]) for i in step] == [False] * 5 + [True] * 2 for step in steps)
    assert {part_of(samples[i]) for i in plan.order} == set(Capability) | {f"anchor:{c}" for c in Capability}


def test_feedback_comes_first():
    samples = [*_samples({Capability.DOMAIN: 20}), make_sample(Capability.DOMAIN, 99, "feedback")]
    assert schedule(samples, Recipe(steps=1, warmup_steps=0, prompts_per_step=1)).order == (20,)


def test_the_same_recipe_gives_the_same_order():
    samples = _samples(dict.fromkeys(Capability, 3))
    assert schedule(samples, Recipe(seed=1)) == schedule(samples, Recipe(seed=1))
    assert schedule(samples, Recipe(seed=1)) != schedule(samples, Recipe(seed=2))


@pytest.mark.parametrize("samples", [[], [make_sample(Capability.SAFETY, 0, "anchor")]])
def test_nothing_to_train_on_is_an_error(samples):
    with pytest.raises(BadInput, match="no samples to train on"):
        schedule(samples, Recipe())
