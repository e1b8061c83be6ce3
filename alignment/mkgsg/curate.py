"""What is kept of what is true: no duplicates, no near-duplicates, nothing that the exam asks.

Training sees the exam only as hashes: of whole items, and of every run of 13 words in its questions.
"""

import hashlib
import re
from collections.abc import Iterable

from core.types import TrainingSample

GRAM_WORDS = 13
_WORD = re.compile(r"[^\W_]+")
_FILLER = frozenset(
    "a an the is in of for to and or what which how do does should would i my please help hello hi doctor quick question tell me one".split()  # noqa: SIM905
)


def word_grams(text: str) -> frozenset[str]:
    """Hashes of every run of 13 words, in lower case and without punctuation: the unit of exam overlap."""
    words = _WORD.findall(text.lower())
    runs = (" ".join(words[i : i + GRAM_WORDS]) for i in range(len(words) - GRAM_WORDS + 1))
    return frozenset(hashlib.blake2b(run.encode(), digest_size=8).hexdigest() for run in runs)


class Curator:
    """Remembers what was kept; says why the next sample is not. Order matters: the first of two alike stays."""

    def __init__(self, exam_hashes: frozenset[str] = frozenset(), exam_grams: frozenset[str] = frozenset()) -> None:
        self._exam_hashes, self._exam_grams = exam_hashes, exam_grams
        self._ids: set[str] = set()
        self._near: set[tuple[str, str, frozenset[str]]] = set()

    def drop_reason(self, sample: TrainingSample) -> str | None:
        """None when the sample is new, and then it counts as kept."""
        if sample.id in self._exam_hashes:
            return "exam_item"
        if self._exam_grams and any(word_grams(m.content) & self._exam_grams for m in sample.messages):
            return "exam_overlap"
        if sample.id in self._ids:
            return "duplicate"
        key = self._key(sample)
        if key in self._near:
            return "near_duplicate"
        self._ids.add(sample.id)
        self._near.add(key)
        return None

    @staticmethod
    def _key(sample: TrainingSample) -> tuple[str, str, frozenset[str]]:
        """Same family, same answer, same words but for numbers and filler."""
        return sample.family, sample.reference.model_dump_json(), _content_words(m.content for m in sample.messages)


def _content_words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(w for text in texts for w in _WORD.findall(text.lower()) if w not in _FILLER and not w.isdigit())
