"""What a run trains on: validated items with their references, none of them asked by the exam or of a combination held out from the starter.

Which items, in which order, follows from the regime and the seed alone, so that all contenders are given the same.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from alignment.grpo.schedule import Schedule
from alignment.mkgsg.curate import Curator, word_grams
from alignment.mkgsg.draft import Written
from alignment.mkgsg.pipeline import Books, Line, of_capabilities
from alignment.mkgsg.source import families_of
from alignment.starter.corpus import Mix, shown_cases
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.types import Capability, Item, TrainingSample
from evals.suites import load_suite
from tests.benchmarks.alignment.regimes import MOST_PROMPT_TOKENS, Contender, Regime

POOL = 48
"""Items of each capability that the round is about."""
ANCHORS = 8
"""Anchor items of each capability."""
_ANCHORS_PER_STEP = 2
_BOOKS = Books(open=0.4, lacking=0.0)
_TOO_LONG = 4
"""So many items are drawn for each one wanted: most open-book ones are too long."""
_ANCHOR_SEED = 7_919


class Material(NamedTuple):
    samples: tuple[TrainingSample, ...]
    """The round's own items, then its anchors."""
    references: tuple[str, ...]
    """The validated reply to each sample."""
    anchors: int
    """How many of the samples, at the end, are anchors."""


def prompt_tokens(item: Item, tokenizer: Any) -> int:
    messages = [m.model_dump() for m in with_evidence(item.messages, item.evidence)]
    return len(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"])


def material(regime: Regime, round_: int, seed: int, knowledge: Knowledge, tokenizer: Any, reply_tokens: int) -> Material:
    """The items of one round of a run; each fits in `MOST_PROMPT_TOKENS`, its reference in `reply_tokens`."""
    shares = regime.shares_of(round_, seed)
    families = {c: own for c, own in families_of(regime.families).items() if shares.get(c)}
    suite = load_suite("starter")
    grams = frozenset().union(*(word_grams(m.content) for i in suite.items for m in i.messages))
    cases = shown_cases(knowledge, Mix())
    line = Line(knowledge, Curator(suite.item_hashes, grams), books=_BOOKS)
    drawing = f"{seed}:{round_}"

    def drawn(line: Line, each: int, seed: int) -> list[Written]:
        found: list[Written] = []
        for capability in families:
            made = of_capabilities(line, {capability: each * _TOO_LONG}, {capability: families[capability]}, cases, seed)
            fitting = [w for w in made if _fits(w, tokenizer, reply_tokens)]
            # Family by family in what was made; a fair draw keeps the proportions.
            found += random.Random(f"{drawing}:{capability}").sample(fitting, min(each, len(fitting)))
        return found

    own = drawn(line, POOL, 100 * seed + round_)
    anchors = drawn(replace(line, source="anchor"), ANCHORS, _ANCHOR_SEED + 100 * seed + round_) if regime.anchors else []
    written = [*own, *anchors]
    return Material(tuple(w.sample for w in written), tuple(w.completion for w in written), len(anchors))


def _fits(written: Written, tokenizer: Any, reply_tokens: int) -> bool:
    reply = len(tokenizer(written.completion, add_special_tokens=False)["input_ids"])
    return reply < reply_tokens and prompt_tokens(written.sample, tokenizer) <= MOST_PROMPT_TOKENS


def plan(regime: Regime, contender: Contender, round_: int, seed: int, given: Material, prompts: int, steps: int) -> Schedule:
    """Which sample is asked when: `prompts` of them a step, whoever learns.

    The shipped schedule visits the capabilities in turn however skewed the data are; this one lets the skew reach the gradient.
    """
    own = range(len(given.samples) - given.anchors)
    held = range(len(own), len(given.samples)) if contender.anchors != "none" else range(0)
    shares = regime.shares_of(round_, seed)
    subject = _endless(own, given.samples, shares, random.Random(f"order:{seed}:{round_}"))
    anchors = _endless(held, given.samples, dict.fromkeys(Capability, 1), random.Random(f"anchors:{seed}:{round_}"))
    per_step = min(len(held), _ANCHORS_PER_STEP)
    order: list[int] = []
    for _ in range(steps):
        order += islice(subject, prompts - per_step)
        order += islice(anchors, per_step)
    return Schedule(tuple(order), prompts)


def trained_as(contender: Contender, given: Material) -> tuple[TrainingSample, ...]:
    """The samples as the contender's trainer is to see them: replay takes anchors for ordinary samples."""
    if contender.anchors != "train":
        return given.samples
    return tuple(s.model_copy(update={"provenance": s.provenance.model_copy(update={"source": "mkgsg"})}) for s in given.samples)


def _endless(indices: Sequence[int], samples: Sequence[TrainingSample], shares: Mapping[Capability, int], rng: random.Random) -> Iterator[int]:
    """Cycles in which each capability comes as often as its share says, going through its own samples before it repeats one."""
    decks: dict[Capability, list[int]] = {c: [] for c in shares}
    members = {c: [i for i in indices if samples[i].capability is c] for c in shares}
    cycle = [c for c, share in shares.items() for _ in range(share) if members[c]]
    while cycle:
        for capability in rng.sample(cycle, len(cycle)):
            if not decks[capability]:
                decks[capability] = rng.sample(members[capability], len(members[capability]))
            yield decks[capability].pop()
