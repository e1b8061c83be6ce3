import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignment.grpo.noise import split_half_cosines
from alignment.grpo.probe import Cell, Estimate, GramAverage, cell_gradients, estimate, trained_layers


class TwoLayers(torch.nn.Module):
    """A frozen layer with a LoRA beside it, twice, behind embeddings."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embeddings = torch.nn.Embedding(20, 6)
        self.base = torch.nn.ModuleList(torch.nn.Linear(6, 6) for _ in range(2))
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.down = torch.nn.ModuleList(torch.nn.Linear(6, 2, bias=False) for _ in range(2))
        self.up = torch.nn.ModuleList(torch.nn.Linear(2, 6, bias=False) for _ in range(2))

    def forward(self, ids):
        x = self.embeddings(ids)
        for base, down, up in zip(self.base, self.down, self.up, strict=True):
            x = torch.tanh(base(x) + up(down(x)))
        return x.sum(dim=(1, 2))


def test_cells_hold_the_gradients_that_backward_passes_of_their_own_would_give():
    model, ids = TwoLayers(), torch.arange(20).reshape(5, 4)
    factors_CN = torch.tensor([[1.0, -2.0, 0.0, 0.0, 0.0], [0.0, 0.5, 3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]])
    with cell_gradients(trained_layers(model), model.embeddings, 3) as cells:
        for rows in (torch.arange(3), torch.arange(3, 5)):  # two passes add up
            parts = [(c, (f[rows] != 0).nonzero().flatten()) for c, f in enumerate(factors_CN)]
            cells.cells = [Cell(c, chosen, factors_CN[c][rows[chosen]]) for c, chosen in parts if len(chosen)]
            cells.backward(model(ids[rows]).sum())
    trained = [layer.weight for layer in trained_layers(model)]
    assert all(weight.grad is None for weight in trained)
    expected = [torch.autograd.grad((model(ids) * factors).sum(), trained) for factors in factors_CN]
    for i in range(len(trained)):
        torch.testing.assert_close(cells.sums[i], torch.stack([gradient[i] for gradient in expected]))
    flat = torch.stack([torch.cat([g.flatten() for g in gradient]) for gradient in expected]).double()
    np.testing.assert_allclose(cells.gram(), (flat @ flat.T).numpy(), rtol=1e-5)
    model(ids)
    assert len(cells.sums) == 4  # nothing listens any more


def sampled(rng, truth_KD, noise, prompts, same_part):
    """Gradients (K, prompts, D) of single prompts; objectives of one part share their prompts' noise in part."""
    own = rng.normal(size=(len(truth_KD), prompts, truth_KD.shape[1]))
    if same_part:
        own[1] = 0.6 * own[0] + 0.8 * own[1]
    return truth_KD[:, None, :] + noise * own


@pytest.mark.parametrize("same_part", [False, True])
@pytest.mark.parametrize("prompts", [2, 3, 6])
def test_a_probe_expects_what_a_whole_step_finds(same_part, prompts):
    rng = np.random.default_rng(0)
    truth_KD = np.array([[1.0, 0.0, 0.0, 0.0], [-0.5, 0.8, 0.0, 0.0]])
    step_prompts, parts = 6, ["a", "a"] if same_part else ["a", "b"]
    probes, steps, crosses = [], [], []
    for _ in range(4000):
        gradients = sampled(rng, truth_KD, 0.9, prompts, same_part)
        cells = np.concatenate([gradients[:, 0::2].mean(axis=1), gradients[:, 1::2].mean(axis=1)])
        halves = np.array([[len(range(0, prompts, 2))] * 2, [len(range(1, prompts, 2))] * 2])
        found = estimate(cells @ cells.T, halves, np.array([step_prompts] * 2), parts)
        probes.append(found.gram_KK)
        crosses.append(found.cross_KK)
        whole = sampled(rng, truth_KD, 0.9, step_prompts, same_part).mean(axis=1)
        steps.append(whole @ whole.T)
    np.testing.assert_allclose(np.mean(probes, axis=0), np.mean(steps, axis=0), atol=0.12)
    np.testing.assert_allclose(np.mean(crosses, axis=0), truth_KD @ truth_KD.T, atol=0.12)


def test_a_whole_step_that_is_its_own_probe_is_left_as_it_is():
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(6, 9))
    found = estimate(cells @ cells.T, np.array([[2, 1, 1], [1, 1, 0]]), np.array([3, 2, 1]), ["a", "b", "c"])
    whole = np.stack([(2 * cells[0] + cells[3]) / 3, (cells[1] + cells[4]) / 2, cells[2]])
    np.testing.assert_allclose(found.gram_KK, whole @ whole.T)
    assert np.isnan(found.cross_KK[2, 2])  # one prompt has no halves
    assert not np.isnan(found.cross_KK[0, 2])


def test_split_half_cosines_are_what_halves_show():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 2000, 5)) + 1.0
    both = (a + b) / 2
    ceiling = split_half_cosines(np.array([np.mean((both**2).sum(axis=1))]), np.array([np.mean((a * b).sum(axis=1))]))
    assert ceiling[0] == pytest.approx(0.5, abs=0.02)  # signal 5, noise of a half 5


def test_an_average_forgets_by_the_share_it_keeps_and_only_what_was_measured():
    average = GramAverage.empty(["a", "b", "c"])
    one, unknown = np.ones((2, 2)), np.full((2, 2), np.nan)
    average = average.with_estimate(Estimate(one, one), ["a", "b"], 0.8)
    np.testing.assert_allclose(average.gram_of(["b", "a"]), one)  # no pull toward the zero it began with
    average = average.with_estimate(Estimate(6 * one, unknown), ["b", "c"], 0.8)
    np.testing.assert_allclose(average.gram_of(["a", "b", "c"]), [[1, 1, 0], [1, (0.8 * 0.2 + 0.2 * 6) / 0.36, 6], [0, 6, 6]])
    np.testing.assert_allclose(average.cross_of(["a", "b"]), one)
    assert np.isnan(average.cross_of(["c"])).all()


@given(st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.integers(0, 99)), max_size=5), st.floats(0.0, 0.99))
def test_an_average_comes_back_from_json_bit_by_bit(probes, keep):
    average = GramAverage.empty(list("abcd"))
    for names, seed in probes:
        cells = np.random.default_rng(seed).normal(size=(len(names), 7)) * 10.0 ** (seed - 50)
        average = average.with_estimate(Estimate(cells @ cells.T, cells @ cells.T), sorted(names), keep)
    back = GramAverage.from_json(json.loads(json.dumps(average.to_json())))
    assert back.names == average.names
    for name in ("gram", "gram_weight", "cross", "cross_weight"):
        assert np.array_equal(getattr(back, name), getattr(average, name), equal_nan=True)
