"""The rule components of a reply's reward: one scorer serves as metric in exams and as reward here, so the two cannot drift apart.

A model component (a preference model trained on clinicians' judgements, a judge behind an endpoint) is one more entry of what
`reward_components` returns and one more weight: its measured reliability. Bands (`alignment.rewards.bands`) keep it in its place.
"""

from collections.abc import Callable, Mapping
from typing import Final

from core.errors import TrainingError
from core.knowledge import Knowledge
from core.types import Item, Score
from evals.scorers import score_reply

COMPONENT_WEIGHTS: Final[Mapping[str, float]] = {
    "correctness": 1.0,
    "grounding": 0.5,
    "reasoning": 0.5,
    "format": 0.5,
    "workflow": 0.5,
    "safety": 1.0,
}
"""Weight of each component's normalised advantage. Rules, not measurements: right and safe count double."""


def reward_components(item: Item, reply: str, knowledge: Knowledge) -> dict[str, Score]:
    """The components of one reply by name. A value of None is *unscored* and carries no signal either way."""
    return {score.name: score for score in score_reply(item, reply, knowledge).scores if score.name in COMPONENT_WEIGHTS}


class ComponentScorer:
    """Scores replies by component, each reply once: samples of one group are often equal, and every component asks separately."""

    def __init__(self, score: Callable[[Item, str], Mapping[str, Score]], remember: int = 4096) -> None:
        self._score = score
        self._remember = remember
        self._known: dict[tuple[str, str], Mapping[str, Score]] = {}

    def value(self, item: Item, reply: str, component: str) -> float | None:
        """The component in [0, 1], or None when it is unscored.

        Raises TrainingError naming the item when a scorer fails: a reward that is silently missing would be learnt from.
        """
        key = (item.id, reply)
        if key not in self._known:
            if len(self._known) >= self._remember:
                self._known.clear()
            try:
                self._known[key] = self._score(item, reply)
            # A scorer's bug shows as one of these (pydantic's ValidationError is a ValueError); AppErrors and system errors rise as they are.
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
                raise TrainingError(f"A reward component failed on item {item.id} ({item.family}): {type(error).__name__}: {error}") from error
        score = self._known[key].get(component)
        return None if score is None else score.value
