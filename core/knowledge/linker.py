"""Finds the graph's concepts in text: an Aho-Corasick automaton over all names, word boundaries, longest match.

Matching ignores case and takes a plural s. A name that several concepts share gives all of them: the reader of a mention knows
which kind it needs.
"""

import re
from collections import defaultdict
from operator import itemgetter
from typing import NamedTuple

import ahocorasick

from core.knowledge.graph import Concept, Graph, Kind

_WORD = re.compile(r"\w")
_TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "\u00a0": " ", "\u202f": " ", "\n": " ", "\t": " "})


class Mention(NamedTuple):
    start: int
    end: int
    text: str
    concepts: tuple[Concept, ...]

    def of_kind(self, *kinds: Kind) -> Concept | None:
        return next((c for c in self.concepts if c.kind in kinds), None)


class Linker:
    def __init__(self, graph: Graph) -> None:
        names: dict[str, list[Concept]] = defaultdict(list)
        for concept in graph.concepts.values():
            for name in concept.names:
                # Two-letter names ("MI") would match inside prose written in capitals; three letters and up are safe behind word boundaries.
                if len(name) > 2 and concept not in names[_plain(name)]:
                    names[_plain(name)].append(concept)
        self._automaton = ahocorasick.Automaton()
        for name, concepts in names.items():
            self._automaton.add_word(name, (len(name), tuple(concepts)))
        self._automaton.make_automaton()

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """Mentions in order, none overlapping; of two that overlap the longer one, then the earlier one, stays."""
        lowered = _plain(text)
        found: list[tuple[int, int, bool, Mention]] = []  # longest first, then earliest, then written so rather than a plural
        for last, (length, concepts) in self._automaton.iter(lowered):
            start, end = last - length + 1, last + 1
            is_plural = end < len(lowered) and lowered[end] == "s" and not _is_word(lowered, end + 1)
            end += is_plural
            if not (_is_word(lowered, start - 1) or _is_word(lowered, end)):
                found.append((start - end, start, is_plural, Mention(start, end, text[start:end], concepts)))
        found.sort(key=itemgetter(0, 1, 2))
        taken = bytearray(len(text))
        kept: list[Mention] = []
        for *_, mention in found:
            if not any(taken[mention.start : mention.end]):
                taken[mention.start : mention.end] = b"\x01" * (mention.end - mention.start)
                kept.append(mention)
        return tuple(sorted(kept, key=lambda m: m.start))


def _plain(text: str) -> str:
    """Lower case with plain quotes, hyphens and spaces, character by character, so that offsets fit the text."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters change length in lower case
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lowered.translate(_TYPOGRAPHY)


def _is_word(text: str, position: int) -> bool:
    return 0 <= position < len(text) and _WORD.match(text[position]) is not None
