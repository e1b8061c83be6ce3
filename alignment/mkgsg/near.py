"""Which questions were seen before, or nearly: in memory of a fixed size, however many items a run makes.

A Bloom filter answers for exact keys. For near-duplicates each question has a MinHash signature over its runs of three words (numbers count
as one word); 16 bands of 8 hashes say which earlier question may be alike, and the Jaccard similarity estimated from 64 hashes decides.
A slot of a band holds its latest question only, so the cost of an item is constant; a pair at similarity 0.9 shares 7 of 16 bands, and is
missed only when all of them were taken over since. Why not a growing index: docs/decisions/0013-output.md.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

HASHES, BANDS = 128, 16
COMPARED = 64
SIMILAR = 0.8
SHINGLE_WORDS = 3
WINDOW = 2**20
"""Questions that near-duplicates are looked for among, at most: 136 bytes each, 140 MB at the full size."""
_SEED = 20_260_731
_MIX = np.uint64(0x9E3779B97F4A7C15)
_BLOOM_BITS_PER_KEY, _PROBES = 32, range(8)
_PACKED = struct.Struct(f"<{HASHES}I")
_WORD = re.compile(r"[^\W_]+")


class BloomFilter:
    """Whether a key was added. Never wrong when it says no; wrong once in 170,000 times when it says yes, at full capacity."""

    def __init__(self, capacity: int) -> None:
        self._bits = max(1024, capacity * _BLOOM_BITS_PER_KEY)
        self._bytes = bytearray(self._bits // 8 + 1)

    def __contains__(self, bits: Sequence[int]) -> bool:
        held = self._bytes
        return all(held[bit >> 3] >> (bit & 7) & 1 for bit in bits)

    def add(self, bits: Sequence[int]) -> None:
        for bit in bits:
            self._bytes[bit >> 3] |= 1 << (bit & 7)

    def bits_of(self, key: str) -> list[int]:
        """What stands for the key in this filter."""
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        start, step, bits = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1, self._bits
        return [(start + probe * step) % bits for probe in _PROBES]


@lru_cache(maxsize=8)  # a question is read for its key, then for its shingles
def words(text: str) -> tuple[str, ...]:
    """In lower case, without punctuation."""
    return tuple(_WORD.findall(text.lower()))


def shingles(texts: Iterable[str]) -> list[str]:
    """Runs of three words, in lower case, with every number the same."""
    found = ["0" if w.isdigit() else w for text in texts for w in words(text)]
    return [" ".join(found[i : i + SHINGLE_WORDS]) for i in range(max(1, len(found) - SHINGLE_WORDS + 1))]


def signature(texts: Iterable[str]) -> NDArray[np.uint8]:
    """The lowest byte of each of `HASHES` MinHashes: two are equal with the Jaccard similarity of the texts' shingles, or by chance 1 in 256."""
    minhash = RMinHash(HASHES, _SEED)
    minhash.update(shingles(texts))
    return np.frombuffer(_PACKED.pack(*minhash.digest()), np.uint8)[::4].copy()


class Place(NamedTuple):
    """Where a question stands among all: what it is compared by and where it is found."""

    compared: NDArray[np.uint8]
    group: np.uint64
    slots: NDArray[np.int64]


class NearDuplicates:
    """The latest questions, by signature. Only questions of one group are compared: other answers make other items."""

    def __init__(self, capacity: int = WINDOW) -> None:
        self._bits = max(10, (min(capacity, WINDOW) - 1).bit_length())
        rows = 1 << self._bits
        # Filled, not left to the kernel to give page by page: what a long run will need is taken at its start.
        self._latest = np.full(BANDS * rows, rows, dtype=np.int32)
        self._known = np.full((rows, COMPARED), 0, dtype=np.uint8)
        self._groups = np.full(rows + 1, 0, dtype=np.uint64)  # one more: the row of no question, and of no group
        self._bands, self._shift = np.arange(BANDS) * rows, np.uint64(64 - self._bits)
        self._added = 0

    def place(self, texts: Iterable[str], group: str) -> Place:
        mine = signature(texts)
        own = np.uint64(int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest(), "big"))
        keys = (mine.view(np.uint64) ^ own) * _MIX  # an array's overflow wraps in silence, which is what a hash wants
        return Place(mine[:COMPARED], own, (keys >> self._shift).astype(np.int64) + self._bands)

    def __contains__(self, place: Place) -> bool:
        candidates = self._latest.take(place.slots)
        candidates = candidates[self._groups.take(candidates) == place.group]
        return bool(candidates.size) and bool(((self._known[candidates] == place.compared).mean(axis=1) >= SIMILAR).any())

    def add(self, place: Place) -> None:
        row = self._added % len(self._known)
        self._known[row], self._groups[row] = place.compared, place.group
        self._latest[place.slots] = row
        self._added += 1
