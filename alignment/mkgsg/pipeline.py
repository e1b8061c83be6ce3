"""The stream of items: source, generate, validate, curate. Deterministic by seed; what is dropped is counted by its reason.

Each stage is a generator over the one before, and passes on a few items at a time: memory does not grow with the run.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

from alignment.mkgsg import attempts, teacher
from alignment.mkgsg.attempts import Attempts
from alignment.mkgsg.book import LACKING, open_book
from alignment.mkgsg.case import Case
from alignment.mkgsg.curate import Curator
from alignment.mkgsg.endpoint import chunks
from alignment.mkgsg.generate import Written, write
from alignment.mkgsg.source import draw, enumerate_cases, families_of
from alignment.mkgsg.tally import Tally
from alignment.mkgsg.teacher import Teacher
from alignment.mkgsg.validate import reject_reasons
from alignment.mkgsg.writer import Writer
from core.knowledge import Knowledge
from core.types import Capability, TrainingSample

ATTEMPTS_PER_ITEM = 12
"""A family ends early when this many tries for each item wanted gave nothing new: a small graph has only so many items."""
_TOGETHER = 256
"""Items written, then validated together: a fifth to a quarter less time for an item than one by one, as each stage finds its code and tables
in the processor's caches."""


class Books(NamedTuple):
    """Which items come with evidence."""

    open: float = 0.0
    """Share of all."""
    lacking: float = 0.12
    """Share of those with evidence whose evidence does not hold the answer, where the family has that form."""


CLOSED = Books()


class _Item(NamedTuple):
    case: Case
    written: Written


@dataclass(frozen=True, slots=True)
class Line:
    """How items are made: everything but which ones, how many, and the random numbers."""

    knowledge: Knowledge
    curator: Curator = field(default_factory=Curator)
    tally: Tally = field(default_factory=Tally)
    recipe_hash: str = ""
    topics: frozenset[str] = frozenset()
    """Concept ids that cases should rather be about."""
    held_out: bool | None = None
    """Chooses phrasings, as in `Writer`."""
    books: Books = CLOSED
    source: Literal["mkgsg", "anchor"] = "mkgsg"
    """What the provenance of the items says they are for."""
    teacher: Teacher | None = None
    attempts: Attempts | None = None
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Which names of a concept can be read back: found out once, not for every family of every shard."""

    def items(self, cases: Sequence[Case], wanted: int, seed: str, misses: int | None = None) -> Iterator[Written]:
        """At most `wanted` items; fewer when more than `misses` draws were in vain (default: 12 for each item wanted)."""
        allowed = ATTEMPTS_PER_ITEM * wanted if misses is None else misses
        rng, of_books = random.Random(seed), random.Random(f"{seed}:books")
        source, writer = draw(cases, self.topics, rng), Writer(self.knowledge, rng, self.held_out, _names=self.names)
        made = tried = 0
        while made < wanted and tried - made <= allowed:
            # As many draws as items are missing, so that no model is asked about what nobody wants.
            batch = wanted - made
            tried += batch
            for written in self._curated(self._validated(self._generated(islice(source, batch), writer), of_books)):
                made += 1
                self.tally.keep(written.sample)
                yield written

    def _generated(self, cases: Iterable[Case], writer: Writer) -> Iterator[_Item]:
        items = self._worded(cases, writer)
        for item in items if self.teacher is None else self._reworded(items, self.teacher):
            self.tally.stages["generate"] += 1
            yield item

    def _worded(self, cases: Iterable[Case], writer: Writer) -> Iterator[_Item]:
        for case in cases:
            self.tally.stages["source"] += 1
            yield _Item(case, self._marked(write(case, writer, self.recipe_hash)))

    def _marked(self, written: Written) -> Written:
        if self.source == "mkgsg":
            return written
        origin = written.sample.provenance.model_copy(update={"source": self.source})
        return written.model_copy(update={"sample": written.sample.model_copy(update={"provenance": origin})})

    def _reworded(self, items: Iterator[_Item], by: Teacher) -> Iterator[_Item]:
        for chunk in chunks(items, teacher.CHUNK):
            for item, result in zip(chunk, by.reword([i.written for i in chunk]), strict=True):
                if isinstance(result, str):
                    self.tally.dropped[result] += 1
                else:
                    yield item._replace(written=result)

    def _validated(self, items: Iterable[_Item], rng: random.Random) -> Iterator[Written]:
        """Checked as it was written, then in the book that it comes with: an evidence block holds sentences of the graph alone."""
        for chunk in chunks(items, _TOGETHER if self.teacher is None else teacher.CHUNK):
            yield from list(self._valid_of(chunk, rng))  # all of them, before the next stage takes the first

    def _valid_of(self, chunk: Sequence[_Item], rng: random.Random) -> Iterator[Written]:
        for item, reason in zip(chunk, reject_reasons([i.written for i in chunk], self.knowledge), strict=True):
            if reason:
                self.tally.dropped[reason] += 1
            elif (written := self._in_its_book(item, rng)) is None:
                self.tally.dropped["no_evidence"] += 1
            else:
                self.tally.stages["validate"] += 1
                yield written

    def _in_its_book(self, item: _Item, rng: random.Random) -> Written | None:
        if not self.books.open or rng.random() >= self.books.open:
            return item.written
        lacking = item.case.family in LACKING and rng.random() < self.books.lacking
        return open_book(item.written, item.case, self.knowledge, rng, lacking=lacking)

    def _curated(self, items: Iterator[Written]) -> Iterator[Written]:
        """No model tries what was kept before; and what it has tried is looked up again, since of two that it tried together one may stay."""
        teachable = items if self.attempts is None else self._teachable(self._new(items, self.curator.would_drop), self.attempts)
        for written in self._new(teachable, self.curator.drop_reason):
            self.tally.stages["curate"] += 1
            yield written

    def _new(self, items: Iterable[Written], reason_of: Callable[[TrainingSample], str | None]) -> Iterator[Written]:
        for written in items:
            if reason := reason_of(written.sample):
                self.tally.dropped[reason] += 1
            else:
                yield written

    def _teachable(self, items: Iterator[Written], by: Attempts) -> Iterator[Written]:
        for chunk in chunks(items, attempts.CHUNK):
            for written, reason in zip(chunk, by.drop_reasons([w.sample for w in chunk]), strict=True):
                if reason:
                    self.tally.dropped[reason] += 1
                else:
                    yield written


def generate(
    knowledge: Knowledge,
    counts: Mapping[Capability, int],
    *,
    seed: int,
    recipe_hash: str = "",
    topics: Sequence[str] = (),
    curator: Curator | None = None,
    tally: Tally | None = None,
    held_out: bool | None = None,
    cases: Mapping[str, Sequence[Case]] | None = None,
    books: Books = CLOSED,
) -> Iterator[Written]:
    """At most `counts[capability]` items of each capability, its families in equal shares.

    `topics` (concept ids of accepted feedback) make cases about them likelier. `curator` carries what was kept elsewhere and what the exam
    asks; `tally` counts what became of every draw. `held_out` chooses phrasings as in `Writer`. `cases` are the paths of each family (default:
    all of the starter's).
    """
    line = Line(knowledge, curator or Curator(), tally or Tally(), recipe_hash, frozenset(topics), held_out, books=books)
    cases = cases if cases is not None else enumerate_cases(knowledge.graph)
    return of_capabilities(line, counts, families_of(tuple(cases)), cases, seed)


def of_capabilities(
    line: Line, counts: Mapping[Capability, int], families: Mapping[Capability, Sequence[str]], cases: Mapping[str, Sequence[Case]], seed: int
) -> Iterator[Written]:
    """The items of a `Line`, capability by capability, its `families` in equal shares."""
    for capability, own in families.items():
        living = [f for f in own if cases.get(f)]
        for family, share in zip(living, shares(counts.get(capability, 0), len(living)), strict=True):
            yield from line.items(cases[family], share, f"{seed}:{family}")


def shares(wanted: int, parts: int) -> list[int]:
    """`wanted` in `parts` whole numbers that differ by 1 at most."""
    return [wanted // parts + (position < wanted % parts) for position in range(parts)]
