import numpy as np
import pytest

from alignment.grpo.noise import split_half_cosines


def halves(signal, noise, rng, dimensions=400):
    g = signal * np.ones(dimensions) / np.sqrt(dimensions)
    return g + noise * rng.normal(size=(2, dimensions)) / np.sqrt(dimensions)


@pytest.mark.parametrize(("signal", "noise"), [(1.0, 0.2), (1.0, 1.0), (0.3, 1.0)])
def test_it_is_the_cosine_that_the_halves_show(signal, noise):
    rng = np.random.default_rng(0)
    shown, squares, cross = [], [], []
    for _ in range(300):
        first, second = halves(signal, noise, rng)
        shown.append(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
        squares.append(np.sum(((first + second) / 2) ** 2))
        cross.append(first @ second)
    expected = split_half_cosines(np.array([np.mean(squares)]), np.array([np.mean(cross)]))
    assert expected[0] == pytest.approx(np.mean(shown), abs=0.02)
    assert expected[0] == pytest.approx(signal**2 / (signal**2 + noise**2), abs=0.02)


def test_a_gradient_without_noise_has_no_ceiling_and_pure_noise_has_one_of_zero():
    assert split_half_cosines(np.array([4.0, 4.0]), np.array([4.0, 0.0])) == pytest.approx([1.0, 0.0])


def test_what_cannot_be_told_is_nan():
    found = split_half_cosines(np.array([1.0, 0.0]), np.array([np.nan, 0.0]))
    assert np.isnan(found).all()
