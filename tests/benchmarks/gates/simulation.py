"""What is simulated: cells of exams, each with a candidate that is worse by the margin and one that is as good, and histories of rounds."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from evals.decision import GatePolicy
from evals.stats import compare
from tests.benchmarks.gates.exams import Exam, draw
from tests.benchmarks.gates.histories import ROUNDS, Drift, lowest
from tests.benchmarks.gates.practices import PRACTICES

EXAMS: Final = tuple(
    Exam(clusters, size, discordance, together)
    for clusters, size, correlations in ((100, 1, (0.0,)), (200, 1, (0.0,)), (400, 1, (0.0,)), (100, 2, (0.1, 0.4)), (60, 4, (0.1, 0.4)))
    for discordance in (0.08, 0.12, 0.2, 0.3)
    for together in correlations
)
"""The starter exam has about 200 items of a capability; between checkpoints 8 to 30 % of the answers change."""
DRIFTS: Final = (
    Drift(200, 0.01, 0.06),
    Drift(200, 0.02, 0.1),
    Drift(200, 0.04, 0.1),
    Drift(400, 0.02, 0.15),
    Drift(400, 0.02, 0.15, slices=2),
    Drift(200, 0.085, 0.12),
)
"""The last is no small loss: each candidate alone is beyond the margin, and twenty of them try."""


class Cell(NamedTuple):
    exam: Exam
    worse: dict[str, int]
    """Of a candidate that is worse by the margin: how often each practice lets it pass."""
    as_good: dict[str, int]
    not_worse: int
    """Of a candidate that is as good: how often our test finds it not worse, whatever the power: the power as it is."""
    power: float
    """As `compare` reports it, mean over the same exams."""
    trials: int


class History(NamedTuple):
    drift: Drift
    practice: str
    beyond: int
    """Histories in which production came more than the margin below the anchor."""
    promoted: float
    """Mean number of candidates, of `ROUNDS`."""
    trials: int


def simulate(exam: Exam, policy: GatePolicy, trials: int) -> Cell:
    rng = np.random.default_rng(exam.items + int(1000 * exam.discordance) + int(100 * exam.together))
    worse, as_good, not_worse, power = dict.fromkeys(PRACTICES, 0), dict.fromkeys(PRACTICES, 0), 0, 0.0
    for _ in range(trials):
        for change, counts in ((-policy.margin, worse), (0.0, as_good)):
            pairs = draw(exam, change, rng)
            for name, passes in PRACTICES.items():
                counts[name] += passes(pairs, policy)
        found = compare(pairs, policy)
        not_worse += found.low > -policy.margin
        power += found.power
    return Cell(exam, worse, as_good, not_worse, power / trials, trials)


def simulate_histories(policy: GatePolicy, trials: int, tell: Callable[[str], None]) -> list[History]:
    """Ours with the anchor, ours without, and the common practices, which have none."""
    found = []
    for drift in DRIFTS:
        others = ((p, p, None) for p in PRACTICES if p != "ours")
        ways = (("ours", "ours", policy.anchor_alpha), (f"anchor at {policy.alpha:g}", "ours", policy.alpha), ("no anchor", "ours", None), *others)
        for name, practice, anchor_alpha in ways:
            rng = np.random.default_rng(7)
            ends = [lowest(drift, practice, anchor_alpha, policy, rng) for _ in range(trials)]
            beyond = sum(least < -policy.margin - 1e-9 for least, _ in ends)
            found.append(History(drift, name, beyond, float(np.mean([promoted for _, promoted in ends])), trials))
            tell(f"{ROUNDS} rounds, loss {drift.loss:.0%} each, {name}: {beyond} of {trials} beyond the margin")
    return found
