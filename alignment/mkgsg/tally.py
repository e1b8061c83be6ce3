"""What happened to the items of a run: counts that add up over its shards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from core.types import TrainingSample

STAGES = ("source", "generate", "validate", "curate")
WORDS_PER_BIN = 10
"""Questions are counted by length in bins of this many words."""


@dataclass(frozen=True, slots=True)
class Tally:
    stages: Counter[str] = field(default_factory=Counter)
    """How many items left each of `STAGES`."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> count, over all stages."""
    by_capability: Counter[str] = field(default_factory=Counter)
    by_family: Counter[str] = field(default_factory=Counter)
    by_depth: Counter[str] = field(default_factory=Counter)
    by_book: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    by_words: Counter[str] = field(default_factory=Counter)
    """First number of words of a bin -> questions in it."""

    def keep(self, sample: TrainingSample) -> None:
        self.by_capability[sample.capability.value] += 1
        self.by_family[sample.family] += 1
        self.by_depth[str(sample.depth)] += 1
        self.by_book[book_of(sample)] += 1
        self.by_source[sample.provenance.source] += 1
        words = sum(m.content.count(" ") + 1 for m in sample.messages)
        self.by_words[str(words // WORDS_PER_BIN * WORDS_PER_BIN)] += 1

    @property
    def kept(self) -> int:
        return self.by_capability.total()

    def add(self, other: "Tally") -> None:
        for counts in fields(self):
            getattr(self, counts.name).update(getattr(other, counts.name))

    def counts(self) -> dict[str, dict[str, int]]:
        """As it is stored: every count by its name, in a fixed order."""
        return {f.name: dict(sorted(getattr(self, f.name).items())) for f in fields(self)}

    @classmethod
    def of(cls, counts: Mapping[str, Mapping[str, int]]) -> "Tally":
        return cls(**{f.name: Counter(counts[f.name]) for f in fields(cls)})


def book_of(sample: TrainingSample) -> str:
    """`closed`: no evidence. `open`: evidence that holds the answer. `lacking`: evidence that does not."""
    if not sample.evidence:
        return "closed"
    return "lacking" if sample.reference.kind == "insufficient" else "open"
