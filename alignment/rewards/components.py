"""The components of a reply's reward: rules, where one scorer serves as metric in exams and as reward here, so the two cannot drift apart; and
models (a preference model, a judge), each weighing what its reliability was measured to be. Bands (`alignment.rewards.bands`) keep
models in their place.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from core.errors import TrainingError
from core.knowledge import Knowledge
from core.types import Capability, Item, Score
from evals.scorers import COMPONENTS as SCORERS
from evals.scorers import HEADLINE, headline, score_reply

RIGHT: Final = "right"
"""The exam's own verdict on the reply: the product of what the capability asks for. It decides the band and weighs nothing itself."""

COMPONENTS: Final[tuple[str, ...]] = (*SCORERS, RIGHT)
"""The rules; a run's components are these and the names of its models."""


class RewardModel(Protocol):
    """A component that is a model's opinion."""

    @property
    def name(self) -> str:
        """One of `alignment.rewards.bands.MODEL_COMPONENTS`."""
        ...

    @property
    def weights(self) -> Mapping[Capability, float]:
        """Measured reliability in [0, 1]; a capability that is missing weighs 0."""
        ...

    def scores(self, asked: Sequence[tuple[Item, str]]) -> Sequence[Score]:
        """One score for each reply, in their order. What could not be scored is None, its explanation says why in a few words."""
        ...


def component_weights(capability: Capability) -> Mapping[str, float]:
    """Weight of each rule's normalised advantage. Chosen, not measured: what the capability is examined in counts double.

    An instruction's format weighs as much as its fact. When it weighed half, the model learnt to drop formats that it garbles facts in
    (instruction fell by 4 points while reasoning and safety rose by 23).
    """
    return {name: 0.0 if name == RIGHT else 1.0 if name in HEADLINE[capability] else 0.5 for name in COMPONENTS}


def reward_components(item: Item, reply: str, knowledge: Knowledge) -> dict[str, Score]:
    """The rules' components of one reply by name. A value of None is *unscored* and carries no signal either way."""
    scored = score_reply(item, reply, knowledge)
    right = Score(name=RIGHT, value=scored.correct, explanation=f"the product of {', '.join(headline(item))}")
    return {score.name: score for score in scored.scores} | {RIGHT: right}


class ComponentScorer:
    """Scores replies by component. The rules see each reply once: samples of one group are often equal, and every component asks separately.

    `score` gives the rules' components of one reply. A model whose weight is 0 for a capability is not asked about its replies.
    """

    def __init__(self, score: Callable[[Item, str], Mapping[str, Score]], models: Sequence[RewardModel] = (), remember: int = 4096) -> None:
        self._score = score
        self._models = {model.name: model for model in models}
        self._remember = remember
        self._known: dict[tuple[str, str], Mapping[str, Score]] = {}
        self._unscored: dict[str, Counter[str]] = defaultdict(Counter)

    def values(self, asked: Sequence[tuple[Item, str]], component: str) -> list[float | None]:
        """The component of every reply in [0, 1], None where it is unscored.

        Raises TrainingError naming the item when a rule fails: a reward that is silently missing would be learnt from.
        """
        model = self._models.get(component)
        if model is None:
            return [self.value(item, reply, component) for item, reply in asked]
        return self._judged(model, asked)

    def value(self, item: Item, reply: str, component: str) -> float | None:
        """A rule's component of one reply. Raises TrainingError as `values` does."""
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

    def tally(self) -> dict[str, dict[str, int]]:
        """What the models could not score since the process began, by model and reason."""
        return {name: dict(reasons) for name, reasons in self._unscored.items() if reasons}

    def _judged(self, model: RewardModel, asked: Sequence[tuple[Item, str]]) -> list[float | None]:
        """The model's scores; None where it weighs nothing. Equal replies of a batch are asked about once, but nothing is remembered between
        batches: the numbers of a batch depend on its shape in the last digit, and a resumed run has forgotten what an undisturbed one knows.
        """
        new = {(i.id, r): (i, r) for i, r in asked if model.weights.get(i.capability, 0.0) > 0.0}
        scores = dict(zip(new, model.scores(list(new.values())) if new else (), strict=True))
        self._unscored[model.name].update(score.explanation for score in scores.values() if score.value is None)
        return [scores[item.id, reply].value if (item.id, reply) in scores else None for item, reply in asked]
