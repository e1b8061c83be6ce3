"""What is kept of what is true: no duplicates, no near-duplicates, nothing that the exam asks.

Training sees the exam only as hashes: of whole items, of every run of 13 words in its questions, of their sets of words. What a model can do with an item is
asked in `attempts`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from alignment.mkgsg.near import BloomFilter, NearDuplicates, Place, words
from core.types import TrainingSample

GRAM_WORDS = 13
_ROWS_PER_QUESTION = 16
"""So that a slot is seldom taken over, and a short run does not wander through the memory of a long one (a tenth of its time)."""
_FILLER = frozenset(
    "a an the is in of for to and or what which how do does should would i my please help hello hi doctor quick question tell me one".split()  # noqa: SIM905  # words read better so
)


def word_grams(text: str) -> frozenset[str]:
    """Hashes that two texts share when one was made from the other: the unit of exam overlap.

    Every run of 13 words, in lower case and without punctuation; and the set of all words but numbers and filler, as short questions have
    no 13 words and long ones may be reordered.
    """
    found = words(text)
    runs = [" ".join(found[i : i + GRAM_WORDS]) for i in range(len(found) - GRAM_WORDS + 1)]
    return frozenset(hashlib.blake2b(run.encode(), digest_size=8).hexdigest() for run in (*runs, content_key([text])))


class Curator:
    """Remembers what was kept; says why the next sample is not. Order matters: the first of two alike stays.

    `capacity` is how many samples will be kept, about: it sizes the memory, which does not grow.
    """

    def __init__(self, exam_hashes: frozenset[str] = frozenset(), exam_grams: frozenset[str] = frozenset(), capacity: int = 2**14) -> None:
        self._exam_hashes, self._exam_grams = exam_hashes, exam_grams
        self._ids, self._keys = BloomFilter(capacity), BloomFilter(capacity)
        self._near = NearDuplicates(_ROWS_PER_QUESTION * capacity)

    def drop_reason(self, sample: TrainingSample) -> str | None:
        """None when the sample is new, and then it counts as kept."""
        found = self._look_up(sample)
        if isinstance(found, str):
            return found
        # Only what is kept is remembered: a run that goes on rebuilds this memory from the items that it has.
        self._ids.add(found.id)
        self._keys.add(found.key)
        self._near.add(found.place)
        return None

    def would_drop(self, sample: TrainingSample) -> str | None:
        """The same, and nothing is remembered: for samples of which it is not yet said that they are kept."""
        found = self._look_up(sample)
        return found if isinstance(found, str) else None

    def _look_up(self, sample: TrainingSample) -> "str | _New":
        if sample.id in self._exam_hashes:
            return "exam_item"
        texts = [m.content for m in sample.messages]
        if self._exam_grams and any(word_grams(text) & self._exam_grams for text in texts):
            return "exam_overlap"
        if (own := self._ids.bits_of(sample.id)) in self._ids:
            return "duplicate"
        # Another answer, or evidence to answer from, makes another item of the same words.
        group = f"{sample.family} {bool(sample.evidence)} {sample.reference.model_dump_json(exclude_defaults=True)}"
        key = self._keys.bits_of(f"{group} {content_key(texts)}")
        # The cheap test first: the same words but for numbers and filler, in any order. It finds most.
        if key in self._keys or (place := self._near.place(texts, group)) in self._near:
            return "near_duplicate"
        return _New(own, key, place)


class _New(NamedTuple):
    """What a new sample is remembered by."""

    id: Sequence[int]
    key: Sequence[int]
    place: Place


def content_key(texts: Iterable[str]) -> str:
    """The words but numbers and filler, each once, in alphabetical order."""
    return " ".join(sorted({w for text in texts for w in words(text) if w not in _FILLER and not w.isdigit()}))
