"""Which prompts each step asks: decided before training, so that a resumed run asks the same ones.

Every step visits the capabilities in turn, however skewed the dataset is; a topic that clinicians wrote about much fills its own
capability's turns, not the others'. Anchor samples have turns of their own: they are trained on in every step, whatever the round is about.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import NamedTuple

from alignment.grpo.objectives import is_anchor
from alignment.recipe import Recipe
from core.errors import BadInput
from core.types import TrainingSample

_WITH_ANCHORS = ("exact", "balanced")
"""The strategies whose steps may not oppose an anchor; to the published ones it would be a prompt like any other."""


class Schedule(NamedTuple):
    order: tuple[int, ...]
    """Index of the sample for every prompt of every step, `prompts_per_step` at a time."""
    prompts_per_step: int
    """Training prompts and anchors together."""


def schedule(samples: Sequence[TrainingSample], recipe: Recipe) -> Schedule:
    """Raises BadInput when there is nothing to train on. Anchors are asked only where the strategy makes use of them."""
    training = [i for i, sample in enumerate(samples) if not is_anchor(sample)]
    anchors = [i for i, sample in enumerate(samples) if is_anchor(sample)]
    if not training:
        raise BadInput("The dataset has no samples to train on; give the recipe more items or accept some feedback")
    asks_anchors = recipe.strategy in _WITH_ANCHORS and recipe.anchors_per_step > 0 and bool(anchors)
    per_step = recipe.anchors_per_step if asks_anchors else 0
    training_prompts = _in_turn(training, samples, Random(recipe.seed))
    anchor_prompts = _in_turn(anchors, samples, Random(recipe.seed + 1))
    order: list[int] = []
    for _ in range(recipe.steps):
        order += islice(training_prompts, recipe.prompts_per_step)
        order += islice(anchor_prompts, per_step)
    return Schedule(tuple(order), recipe.prompts_per_step + per_step)


def _in_turn(indices: Sequence[int], samples: Sequence[TrainingSample], random: Random) -> Iterator[int]:
    """Endless: the capabilities in turn, each going through its own samples before it repeats one."""
    by_capability: dict[str, list[int]] = defaultdict(list)
    for i in indices:
        by_capability[samples[i].capability].append(i)
    streams = [_repeated(members, samples, random) for _, members in sorted(by_capability.items())]
    while True:
        random.shuffle(streams)
        for stream in streams:
            yield next(stream)


def _repeated(members: list[int], samples: Sequence[TrainingSample], random: Random) -> Iterator[int]:
    """Shuffled passes; the first begins with clinicians' feedback, so that a short round does not miss it."""
    first_pass = True
    while True:
        random.shuffle(members)
        if first_pass:
            members.sort(key=lambda i: samples[i].provenance.source != "feedback")
            first_pass = False
        yield from list(members)
