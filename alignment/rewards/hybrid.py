"""The models of a run's reward: made before its first step from the round's judgements, each weighing what it was measured to be worth.

The rules decide the band; within it a model's advantage is added with the model's weight (`bands.banded_advantages`). A model that weighs nothing for
every capability is left out, with a warning and its reason for the round to show: it would cost time and change nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from alignment.recipe import Recipe
from alignment.rewards.components import RewardModel
from alignment.rewards.judge import Judge, JudgeCard, judge_endpoint
from alignment.rewards.judgements import Judgement
from alignment.rewards.preference import NAME as PREFERENCE
from alignment.rewards.preference import load_preference, train_preference
from core.artifacts import write_text_atomically
from core.logging import get_logger

PREFERENCE_SUFFIX = "-preference"
"""Of the preference model's folder, which stands beside the adapter that was trained with it."""
JUDGE_SUFFIX = "-judge.json"
"""Of the judge's card, which stands there too."""


def _alone() -> AbstractContextManager[bool]:
    return nullcontext(True)


_UNPROVEN = "not shown to order replies better than chance on held-out judgements of any capability"


class Opinions(NamedTuple):
    models: tuple[RewardModel, ...]
    """Those that weigh something."""
    left_out: Mapping[str, str]
    """Those that the recipe asks for and the reward goes without, with the reason."""


@contextmanager
def reward_models(
    recipe: Recipe,
    judgements: Sequence[Judgement],
    *,
    base_model: str,
    base_name: str,
    adapter: Path,
    kept: Path,
    is_stopped: Callable[[], bool],
    main_first: Callable[[], AbstractContextManager[bool]] = _alone,
) -> Iterator[Opinions]:
    """The models, for as long as the context lasts; none when `is_stopped` while one was made.

    `adapter` is where the run's adapter will be, `kept` a folder for what resuming needs. Every process of a launch enters: all learn the preference
    model together; `main_first` says to each whether it is the one that measures the judge before the others read its card, so that all weigh it
    alike; `is_stopped` must answer the same on all. Raises what `train_preference` and `load_preference` raise, and NotFound when the judge's
    endpoint does not know its model.
    """
    models: list[RewardModel] = []
    left_out: dict[str, str] = {}
    with ExitStack() as opened:
        if recipe.preference:
            target = adapter.with_name(adapter.name + PREFERENCE_SUFFIX)
            scratch = kept / "preference"
            if train_preference(target, judgements, base_model=base_model, base_name=base_name, recipe=recipe, scratch=scratch, is_stopped=is_stopped):
                models.append(load_preference(target, base_model))
            elif not is_stopped():
                left_out[PREFERENCE] = (
                    "no judgements to learn from" if not judgements else "no judgements to learn from that are not held out and fit the model's window"
                )
        if recipe.judge_model and not is_stopped():
            endpoint = opened.enter_context(judge_endpoint(recipe.judge_url, recipe.judge_model))
            card = adapter.with_name(adapter.name + JUDGE_SUFFIX)
            with main_first() as is_main:
                judge = Judge(endpoint, recipe.judge_url, kept / "judge.jsonl", recipe.seed)
                # A run that goes on weighs its judge as it began: asked again for what it had failed at, it could be another judge.
                if is_main and not (card.exists() and any(kept.glob("step-*"))):
                    judge.measure(judgements)
                    card.parent.mkdir(parents=True, exist_ok=True)
                    write_text_atomically(card, judge.card.model_dump_json(indent=1))
                else:
                    judge.card = JudgeCard.model_validate_json(card.read_bytes())
            models.append(judge)
            if judge.fault:
                left_out[judge.name] = judge.fault
        left_out |= {model.name: _UNPROVEN for model in models if not any(model.weights.values()) and model.name not in left_out}
        for name, reason in left_out.items():
            get_logger("training").warning("reward model left out", model=name, reason=reason)
        for model in models:
            get_logger("training").info("reward model", model=model.name, weights={str(c): round(w, 3) for c, w in model.weights.items() if w})
        yield Opinions(tuple(model for model in models if model.name not in left_out), left_out)
