import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignment.grpo.gradients import along, gram, weighted_sum
from alignment.grpo.update import projected_update
from tests.alignment.grpo.test_trainer import Record, opposed_score


def vectors(seed, count):
    """Gradients of two parameters."""
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(3, 2, generator=generator), torch.randn(4, generator=generator)] for _ in range(count)]


@given(st.integers(0, 500), st.integers(1, 4))
def test_the_projected_step_opposes_none_and_is_nearest_in_the_preconditioner_s_metric(seed, k):
    step, scale, *ascents = vectors(seed, k + 2)
    scale = [x.abs() + 0.1 for x in scale]
    projected = projected_update(step, scale, ascents, np.ones(k, dtype=bool))
    assert (along(projected.step, ascents) >= -1e-5).all()
    change = [a - b for a, b in zip(projected.step, step, strict=True)]
    multipliers = projected.balance.multipliers_K[1:]
    expected = weighted_sum(ascents, multipliers)
    for c, p, e in zip(change, scale, expected, strict=True):
        torch.testing.assert_close(c, p * e, atol=1e-5, rtol=1e-4)
    # Complementary slackness: only what would be opposed is added, just far enough.
    touched = multipliers > 1e-9
    np.testing.assert_allclose(along(projected.step, ascents)[touched], 0.0, atol=1e-4)


def test_a_step_that_opposes_nothing_stays():
    step, scale, ascent = vectors(0, 3)
    projected = projected_update(step, [x.abs() + 1 for x in scale], [step], np.array([True]))
    assert all(torch.equal(a, b) for a, b in zip(projected.step, step, strict=True))
    opposed = projected_update(step, [torch.ones_like(x) for x in scale], [[-x for x in step], ascent], np.array([False, False]))
    assert all(torch.equal(a, b) for a, b in zip(opposed.step, step, strict=True))


def test_inner_products_are_those_of_flat_vectors():
    gradients = vectors(1, 3)
    flat = np.stack([np.concatenate([x.flatten().double() for x in g]) for g in gradients])
    np.testing.assert_allclose(gram(gradients), flat @ flat.T)
    np.testing.assert_allclose(along(gradients[0], gradients[1:]), (flat @ flat.T)[0, 1:] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1:], axis=1))
    assert np.isnan(along([torch.zeros(2)], [[torch.ones(2)]])).all()


def test_what_the_optimizer_did_opposes_no_objective_afterwards(make_trainer):
    trainer = make_trainer(strategy="exact", objectives="component", score=opposed_score, projected="update", steps=5, beta=0.0, learning_rate=1e-2)
    record = Record(trainer)
    trainer.train()
    assert len(record.steps) == 5
    assert all(min(step["update_cosines"].values()) >= -1e-5 for step in record.steps)
    assert any(max(step["multipliers"].values()) > 0.0 for step in record.steps), "nothing was opposed, so this test shows nothing"
    assert record.steps[0]["projected_away"] >= 0.0


def test_adam_does_not_keep_what_its_gradient_keeps_and_the_report_says_so(make_trainer):
    trainer = make_trainer(strategy="exact", objectives="component", score=opposed_score, steps=5, beta=0.0, learning_rate=1e-2)
    record = Record(trainer)
    trainer.train()
    assert min(min(step["update_cosines"].values()) for step in record.steps) < -1e-3


def test_only_exact_gradients_can_project_the_update():
    from alignment.recipe import recipe_from
    from core.errors import RecipeError

    with pytest.raises(RecipeError, match="projected"):
        recipe_from({"projected": "update"})
