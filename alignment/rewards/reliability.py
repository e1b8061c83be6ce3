"""What a model's opinion is worth: measured on held-out clinician judgements, by capability, never assumed.

The area under the ROC curve of one question's replies is the probability that the model puts the better of two above the worse: 0.5 is
chance. Pairs of one question are not independent, so a question counts once, with the mean X in [0, 1] over its pairs. The interval is Clopper and
Pearson's (1934), which is exact for questions that are right or wrong; one in between (some pairs right, or a tie) is rounded down to wrong
for the lower end and up to right for the upper end. That holds whatever the distribution: the share p of questions with X = 1 is no more
than the mean of X, and the lower end is above p, a binomial share, in at most one case of twenty; likewise above. Fractional successes would give a narrower
interval, which nobody has proven. The bootstrap would call three of three a certainty.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scipy.stats import beta

from core.types import Capability, Value

CONFIDENCE = 0.9
"""Of the two-sided interval; its lower end is a one-sided bound of 95 %, as the gate uses."""


class Outcome(NamedTuple):
    """One held-out pair: what the model said of either reply, None where it said nothing."""

    capability: Capability
    question: str
    chosen: float | None
    rejected: float | None


class Reliability(Value):
    questions: int
    pairs: int
    unscored: int
    """Pairs about which the model said nothing; they count as chance in `auc`, as wrong in `low`: a model that is often silent orders little."""
    auc: float
    low: float
    high: float

    @property
    def weight(self) -> float:
        """2 AUC - 1 at the interval's lower end, in [0, 1]: 0 unless the model is better than chance beyond doubt."""
        return max(0.0, 2.0 * self.low - 1.0)


def reliabilities(outcomes: Iterable[Outcome]) -> dict[Capability, Reliability]:
    """By capability; one without held-out judgements is absent, and weighs 0."""
    by_capability: dict[Capability, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_capability[outcome.capability].append(outcome)
    return {capability: _reliability(of) for capability, of in sorted(by_capability.items())}


def weights_of(measured: Mapping[Capability, Reliability]) -> dict[Capability, float]:
    return {capability: measured[capability].weight if capability in measured else 0.0 for capability in Capability}


def _reliability(outcomes: Iterable[Outcome]) -> Reliability:
    by_question: dict[str, list[float]] = defaultdict(list)
    unscored = 0
    for outcome in outcomes:
        unscored += outcome.chosen is None or outcome.rejected is None
        by_question[outcome.question].append(_concordance(outcome.chosen, outcome.rejected))
    means = [sum(of) / len(of) for of in by_question.values()]
    questions, surely, possibly = len(means), sum(m == 1.0 for m in means), sum(m > 0.0 for m in means)
    tail = (1.0 - CONFIDENCE) / 2.0
    return Reliability(
        questions=questions,
        pairs=sum(len(of) for of in by_question.values()),
        unscored=unscored,
        auc=sum(means) / questions,
        low=float(beta.ppf(tail, surely, questions - surely + 1.0)) if surely else 0.0,
        high=float(beta.ppf(1.0 - tail, possibly + 1.0, questions - possibly)) if possibly < questions else 1.0,
    )


def _concordance(chosen: float | None, rejected: float | None) -> float:
    if chosen is None or rejected is None or chosen == rejected:
        return 0.5
    return float(chosen > rejected)
