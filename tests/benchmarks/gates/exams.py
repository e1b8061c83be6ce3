"""Exams of two models whose true difference is known: items in clusters, each lost, gained or the same."""

from dataclasses import dataclass

import numpy as np

from evals.stats import Pair


@dataclass(frozen=True, slots=True)
class Exam:
    """The items of one capability."""

    clusters: int
    size: int
    """Items of a cluster: of one vignette, condition or drug."""
    discordance: float
    """Share of the items on which two models differ."""
    together: float
    """Intraclass correlation of the differences within a cluster, in [0, 1)."""

    @property
    def items(self) -> int:
        return self.clusters * self.size

    @property
    def label(self) -> str:
        return f"{self.items} in {self.clusters}" if self.size > 1 else f"{self.items}"


def draw(exam: Exam, change: float, rng: np.random.Generator, right: float = 0.7) -> list[Pair]:
    """One exam, where the candidate's true score is the baseline's plus `change` (at most `discordance` in size).

    A cluster has probabilities of its own, from a Dirichlet distribution around the exam's; a model that is the baseline on the other items is
    right there with the probability `right`.
    """
    mean_3 = np.array([(exam.discordance - change) / 2.0, (exam.discordance + change) / 2.0, 1.0 - exam.discordance])
    if exam.size > 1 and exam.together > 0.0:
        concentration = (1.0 - exam.together) / exam.together
        drawn_C3 = rng.standard_gamma(np.maximum(mean_3, 1e-12) * concentration, size=(exam.clusters, 3)) + 1e-300
        chances_C3 = drawn_C3 / drawn_C3.sum(axis=1, keepdims=True)
    else:
        chances_C3 = np.tile(mean_3, (exam.clusters, 1))
    uniform_CM = rng.random((exam.clusters, exam.size))
    is_lost = uniform_CM < chances_C3[:, :1]
    is_gained = ~is_lost & (uniform_CM < chances_C3[:, :1] + chances_C3[:, 1:2])
    is_right = rng.random((exam.clusters, exam.size)) < right
    before, after = np.where(is_lost, 1.0, np.where(is_gained, 0.0, is_right)), np.where(is_lost, 0.0, np.where(is_gained, 1.0, is_right))
    names = np.repeat(np.arange(exam.clusters).astype(str), exam.size)
    return [Pair(str(c), float(b), float(a)) for c, b, a in zip(names, before.ravel(), after.ravel(), strict=True)]
