"""The rule components of a reply's reward: one scorer serves as metric in exams and as reward here, so the two cannot drift apart.

A model component (a preference model trained on clinicians' judgements, a judge behind an endpoint) is one more entry of what
`reward_components` returns and one more weight: its measured reliability. Bands (`alignment.rewards.bands`) keep it in its place.
"""

from collections.abc import Callable, Mapping
from typing import Final

from core.errors import TrainingError
from core.knowledge import Knowledge
from core.types import Capability, Item, Score
from evals.scorers import COMPONENTS as SCORERS
from evals.scorers import HEADLINE, score_reply

RIGHT: Final = "right"
"""The exam's own verdict on the reply: the product of what the capability asks for. It decides the band and weighs nothing itself."""

COMPONENTS: Final[tuple[str, ...]] = (*SCORERS, RIGHT)


def component_weights(capability: Capability) -> Mapping[str, float]:
    """Weight of each component's normalised advantage. Rules, not measurements: what the capability is examined in counts double.

    An instruction's format weighs as much as its fact. When it weighed half, the model learnt to drop formats that it garbles facts in
    (instruction fell by 4 points while reasoning and safety rose by 23).
    """
    return {name: 0.0 if name == RIGHT else 1.0 if name in HEADLINE[capability] else 0.5 for name in COMPONENTS}


def reward_components(item: Item, reply: str, knowledge: Knowledge) -> dict[str, Score]:
    """The components of one reply by name. A value of None is *unscored* and carries no signal either way."""
    scored = score_reply(item, reply, knowledge)
    return {score.name: score for score in scored.scores} | {RIGHT: Score(name=RIGHT, value=scored.correct)}


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
