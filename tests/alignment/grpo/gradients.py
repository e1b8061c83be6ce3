"""Gradients to try the balance on: random, singular, opposed to within almost nothing, lengths over many orders of magnitude."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

_ENTRY = st.integers(-8, 8).map(lambda i: i / 8)


class Case(NamedTuple):
    kind: str
    gradients_KD: np.ndarray
    weights_K: np.ndarray
    constrained_K: np.ndarray

    @property
    def gram_KK(self):
        return self.gradients_KD @ self.gradients_KD.T


BEYOND = "opposed to within less than 1e-4"
KINDS = ("generic", "few dimensions", "repeated", "near-opposed", BEYOND, "exactly opposed", "one against the rest", "lengths", "anchors")


def random_cases(n, seed=0, least=2, most=8, kinds=KINDS) -> Iterator[Case]:
    """`n` cases with `least` to `most` objectives, the kinds in turn."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        kind, k = kinds[i % len(kinds)], int(rng.integers(least, most + 1))
        gradients = rng.normal(size=(k, 12))
        if kind == "few dimensions":
            gradients[:, rng.integers(1, k) :] = 0.0
        elif kind == "repeated":
            gradients[1:] = np.where(rng.random((k - 1, 1)) < 0.5, gradients[0], gradients[1:])
        elif kind == "near-opposed":
            gradients[1] = -rng.uniform(0.5, 2.0) * gradients[0] + 10.0 ** rng.uniform(-4, -1) * rng.normal(size=12)
        elif kind == BEYOND:
            gradients[1] = -rng.uniform(0.5, 2.0) * gradients[0] + 10.0 ** rng.uniform(-9, -4) * rng.normal(size=12)
        elif kind == "exactly opposed":
            gradients[1] = -rng.uniform(0.5, 2.0) * gradients[0]
        elif kind == "one against the rest":
            gradients[1:] += 2.0 * gradients[0]
            gradients[0] *= -rng.uniform(0.1, 3.0)
        elif kind == "lengths":
            gradients *= 10.0 ** rng.uniform(-3, 3, size=(k, 1))
        weights, constrained = rng.dirichlet(np.ones(k)), np.ones(k, dtype=bool)
        if kind == "anchors":
            weights[: k // 2] = 0.0
            constrained[rng.integers(k)] = False
        yield Case(kind, gradients, weights, constrained)


@st.composite
def objectives(draw, tilts=(0.0, 1e-3), least=1):
    """(gradients, weights): up to six objectives in up to eight dimensions, lengths over six orders of magnitude, repeats and opposites."""
    k, n = draw(st.integers(least, 6)), draw(st.integers(1, 8))
    gradients = draw(arrays(np.float64, (k, n), elements=_ENTRY))
    gradients *= 10.0 ** draw(arrays(np.float64, (k, 1), elements=st.floats(-3, 3)))
    if k > 1 and draw(st.booleans()):
        tilt = draw(st.sampled_from(tilts))
        gradients[1] = draw(st.sampled_from([-1.0, 1.0, -0.5])) * gradients[0] + tilt * np.linalg.norm(gradients[0]) * draw(
            arrays(np.float64, n, elements=_ENTRY)
        )
    weights = draw(arrays(np.float64, k, elements=st.one_of(st.just(0.0), st.floats(1e-6, 1.0))))
    return gradients, weights
