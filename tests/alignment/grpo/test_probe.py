import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint

from alignment.grpo.noise import split_half_cosines
from alignment.grpo.probe import SIGNAL_FLOOR, Cell, CellGradients, Estimate, GramAverage, PastGradients, cell_gradients, trained_layers


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

    def forward(self, ids, checkpointed=False):
        x = self.embeddings(ids)
        for parts in zip(self.base, self.down, self.up, strict=True):
            x = checkpoint(self.layer, x, *parts, use_reentrant=False) if checkpointed else self.layer(x, *parts)
        return x.sum(dim=(1, 2))

    def layer(self, x, base, down, up):
        return torch.tanh(base(x) + up(down(x)))


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


def saved_for(ids, checkpointed, looks):
    """Bytes that stay from the forward to the backward pass, each storage counted once, and the cells' Gram matrix."""
    model, storages = TwoLayers(), {}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in weights:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with cell_gradients(trained_layers(model), model.embeddings, 1) if looks else nullcontext() as cells:
        if looks:
            cells.cells = [Cell(0, torch.arange(len(ids)), torch.ones(len(ids)))]
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            value = model(ids, checkpointed).sum()
        value.backward()
    return sum(storages.values()), cells.gram() if looks else None


def test_looking_keeps_no_activations_that_autograd_does_not_keep():
    ids = torch.arange(20).reshape(5, 4)
    plain, looked = saved_for(ids, False, True), saved_for(ids, True, True)
    np.testing.assert_allclose(looked[1], plain[1])
    assert plain[0] == saved_for(ids, False, False)[0]
    assert looked[0] == saved_for(ids, True, False)[0] < plain[0]


def met(past, gradients_KD, names, keep=0.9):
    found = CellGradients(len(names), sums={0: torch.from_numpy(gradients_KD[:, None, :]).float()})
    return past.met(found, names, keep)


def test_products_with_the_past_hold_no_noise_and_those_of_one_step_do():
    rng, names = np.random.default_rng(0), ["a", "b", "c"]
    truth_KD = np.array([[1.0, 0.0, 0.0, 0.0], [-0.5, 0.8, 0.0, 0.0], [0.0, 0.9, 0.0, 0.0]])
    average, past = GramAverage.empty(names), PastGradients(tuple(names))
    for _ in range(6000):
        noise = 1.5 * rng.normal(size=truth_KD.shape)
        noise[1] = 0.6 * noise[0] + 0.8 * noise[1]  # the same replies, seen by two components
        average = average.with_estimate(met(past, truth_KD + noise, names), names, 0.999)
    np.testing.assert_allclose(average.cross_of(names), truth_KD @ truth_KD.T, atol=0.1)
    np.testing.assert_allclose(average.signal_of(names), truth_KD @ truth_KD.T, atol=0.15)
    total = average.gram_of(names)
    np.testing.assert_allclose(np.diag(total), np.diag(truth_KD @ truth_KD.T) + 4 * 1.5**2, rtol=0.1)
    assert total[0, 1] > 3.0  # noise that two objectives share hides that they are opposed
    assert average.signal_of(names)[0, 1] < -0.3


def test_without_noise_the_signal_is_the_gram_matrix_itself():
    names, gradients = ["a", "b", "c"], np.random.default_rng(1).normal(size=(3, 6))
    average, past = GramAverage.empty(names), PastGradients(tuple(names))
    first = met(past, gradients, names)
    assert np.isnan(first.cross_KK).all()  # nothing to compare with yet
    average = average.with_estimate(first, names, 0.9)
    assert not (average.signal_of(names) - np.diag(np.diag(average.gram_of(names)))).any()  # what is not known opposes nothing
    for _ in range(3):
        average = average.with_estimate(met(past, gradients, names), names, 0.9)
    np.testing.assert_allclose(average.signal_of(names), gradients @ gradients.T, rtol=1e-5)
    np.testing.assert_allclose(average.gram_of(["c", "a"]), (gradients @ gradients.T)[np.ix_([2, 0], [2, 0])], rtol=1e-5)


def test_objectives_that_come_and_go_keep_their_own_past():
    past, gradients = PastGradients(("a", "b")), np.array([[1.0, 0.0], [1.0, 2.0]])
    met(past, gradients[:1], ["a"])
    found = met(past, 3 * gradients, ["a", "b"])
    np.testing.assert_allclose(found.cross_KK, [[3.0, 3.0], [3.0, np.nan]])  # b with a's past; nobody with b's
    back = PastGradients.from_tensors(("a", "b"), past.tensors(), torch.device("cpu"))
    assert torch.equal(back.layers[0], past.layers[0])
    assert np.array_equal(back.weights_K, past.weights_K)


@given(st.integers(0, 300), st.integers(1, 5))
def test_a_signal_is_a_gram_matrix_with_lengths_above_the_floor(seed, k):
    rng, names = np.random.default_rng(seed), list("abcde")[:k]
    cells, cross = rng.normal(size=(k, 9)), rng.normal(size=(k, k))
    average = GramAverage.empty(names).with_estimate(Estimate(cells @ cells.T, cross + cross.T), names, 0.5)
    signal = average.signal_of(names)
    assert np.linalg.eigvalsh(signal).min() >= -1e-9 * np.abs(signal).max()
    assert (np.diag(signal) >= (1 - 1e-9) * SIGNAL_FLOOR * np.diag(cells @ cells.T)).all()


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
