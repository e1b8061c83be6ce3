"""The stream of items: source, generate, validate, curate. Deterministic by seed; what is dropped is counted by its reason."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from alignment.mkgsg.curate import Curator
from alignment.mkgsg.generate import Written, write
from alignment.mkgsg.source import FAMILIES, Case, enumerate_cases, pick
from alignment.mkgsg.validate import reject_reason
from alignment.mkgsg.writer import Writer
from core.knowledge import Knowledge
from core.types import Capability

ATTEMPTS_PER_ITEM = 12
"""A family ends early when this many tries for each item wanted gave nothing new: a small graph has only so many items."""


def generate(
    knowledge: Knowledge,
    counts: Mapping[Capability, int],
    *,
    seed: int,
    recipe_hash: str = "",
    topics: Sequence[str] = (),
    curator: Curator | None = None,
    drops: Counter[str] | None = None,
    held_out: bool | None = None,
    cases: Mapping[str, Sequence[Case]] | None = None,
) -> Iterator[Written]:
    """At most `counts[capability]` items of each capability, its families in equal shares.

    `topics` (concept ids of accepted feedback) make cases about them likelier. `curator` carries what was kept elsewhere and what the exam
    asks; `drops` collects reasons. `held_out` chooses phrasings as in `Writer`. `cases` restricts the paths (default: all).
    """
    cases = cases if cases is not None else enumerate_cases(knowledge.graph)
    curator = curator or Curator()
    drops = drops if drops is not None else Counter()
    for capability in Capability:
        families = [f for f in FAMILIES[capability] if cases.get(f)]
        wanted = counts.get(capability, 0)
        for position, family in enumerate(families):
            share = wanted // len(families) + (position < wanted % len(families))
            rng = random.Random(f"{seed}:{family}")
            yield from _of_family(cases[family], share, Writer(knowledge, rng, held_out), recipe_hash, frozenset(topics), curator, drops)


def _of_family(
    cases: Sequence[Case], wanted: int, writer: Writer, recipe_hash: str, topics: frozenset[str], curator: Curator, drops: Counter[str]
) -> Iterator[Written]:
    made = misses = 0
    while made < wanted and misses < ATTEMPTS_PER_ITEM * wanted:
        written = write(pick(cases, topics, writer.rng), writer, recipe_hash)
        reason = reject_reason(written, writer.knowledge) or curator.drop_reason(written.sample)
        if reason is None:
            made += 1
            yield written
        else:
            misses += 1
            drops[reason] += 1
