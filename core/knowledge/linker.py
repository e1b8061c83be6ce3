"""Finds the graph's concepts in text: words become characters, names become short strings, one automaton finds them all.

The text is cut into words and what stands between them, and each piece becomes one character, through a dictionary that learns the pieces
it meets. Spelling, plurals, accents and case are decided there, once for a distinct word instead of once for an occurrence, so that they cost
nothing at run time; word boundaries need no check, and the automaton reads five times fewer characters (decision 0011).

A name that several concepts share gives all of them: the reader of a mention knows which kind it needs.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import ahocorasick_rs

from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.pieces import UNKNOWN, Pieces, cut, cut_name, plain
from core.knowledge.words import ALSO_WORDS

_SHOUTED = re.compile(r"[A-Z]{5}")
_ABBREVIATION = re.compile(r"(?=.*[A-Z].*[A-Z])[A-Z0-9]{2,6}")


class Mention(NamedTuple):
    start: int
    end: int
    text: str
    concepts: tuple[Concept, ...]

    def of_kind(self, *kinds: Kind) -> Concept | None:
        for concept in self.concepts:
            if concept.kind in kinds:
                return concept
        return None


class Linker:
    def __init__(self, graph: Graph) -> None:
        names = [(n, c, name) for c in graph.concepts.values() for n in c.names if (len(n) > 2 or n.isupper()) and (name := cut_name(n))]
        self._pieces = Pieces([name for _, _, name in names])
        found: dict[str, list[tuple[str, Concept]]] = defaultdict(list)
        for written, concept, name in names:
            spaced = [" ".join(written)] if _ABBREVIATION.fullmatch(written) and len(written) > 2 else []
            for key in {
                k for n in (name, *map(cut_name, spaced)) for k in self._pieces.keys_of(n) if UNKNOWN not in k
            }:  # a word that is too long, which would stand for any
                found[key].append((written, concept))
        self._entries = [_entry(named) for named in found.values()]
        self._automaton = ahocorasick_rs.AhoCorasick(found, store_patterns=False)

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """Mentions in order, none overlapping; of two that overlap the longer one, then the earlier one, stays."""
        pieces, ends = cut(text)
        hits = self._automaton.find_matches_as_indexes(self._pieces.code(pieces), overlapping=True)
        if not hits:
            return ()
        spans: list[Span] = []
        for number, first, last in hits:
            start, end, entry = ends[first], ends[last], self._entries[number]
            if concepts := entry.concepts(text, start, end) if isinstance(entry, _Choice) else entry:
                spans.append((start, -end, concepts))
        spans.sort()
        return tuple([Mention(s, -e, text[s:-e], c) for s, e, c in _longest(spans)])


Span = tuple[int, int, tuple[Concept, ...]]
"""Start, end times -1, concepts: sorts by start, then longest first. No two have both ends in common."""


def _longest(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    crossing: list[Span] = []  # spans of which one begins within another and ends after it
    begin, reach = 0, -1
    for position, span in enumerate(spans):
        if span[0] >= reach:
            if crossing:
                kept[-1:] = _longest_first(spans[begin:position])
                crossing = []
            kept.append(span)
            begin, reach = position, -span[1]
        elif -span[1] > reach:
            crossing, reach = [span], -span[1]
    if crossing:
        kept[-1:] = _longest_first(spans[begin:])
    return kept


def _longest_first(spans: list[Span]) -> list[Span]:
    taken: list[Span] = []
    first, last = spans[0][0], max(-s[1] for s in spans)
    free = bytearray(last - first)
    for span in sorted(spans, key=lambda s: (s[0] + s[1], s[0])):
        start, end = span[0] - first, -span[1] - first
        if not (free[start] or free[end - 1]):  # a longer one cannot lie inside
            free[start:end] = b"\x01" * (end - start)
            taken.append(span)
    return sorted(taken)


class _Choice:
    """What a key means where that depends on how it is written: "colds" may be a name of its own, "AIDS" is not "aids"."""

    __slots__ = ("abbreviations", "ordinary", "written")

    def __init__(self, named: list[tuple[str, Concept]]) -> None:
        self.abbreviations = _grouped((n, c) for n, c in named if _ABBREVIATION.fullmatch(n))
        ordinary = [(plain(n), c) for n, c in named if not _ABBREVIATION.fullmatch(n)]
        self.written = _grouped(ordinary)
        self.ordinary = tuple(dict.fromkeys(c for _, c in ordinary))

    def concepts(self, text: str, start: int, end: int) -> tuple[Concept, ...]:
        written = text[start:end]
        ordinary = self.written.get(plain(written)) or self.ordinary
        letters = written.replace(" ", "")  # "A D H D"
        name = letters.upper() if letters.upper() in self.abbreviations else letters[:-1] if letters[-1] == "s" else ""
        short = self.abbreviations.get(name, ())
        if (len(name) == 2 or name in ALSO_WORDS) and not (letters.startswith(name) and _stands_out(text, start, end)):
            return ordinary
        return tuple(dict.fromkeys((*short, *ordinary)))


def _entry(named: list[tuple[str, Concept]]) -> tuple[Concept, ...] | _Choice:
    concepts = tuple(dict.fromkeys(c for _, c in named))
    if not any(_ABBREVIATION.fullmatch(n) for n, _ in named) and (len(concepts) == 1 or len({plain(n) for n, _ in named}) == 1):
        return concepts
    return _Choice(named)


def _grouped(named: Iterable[tuple[str, Concept]]) -> dict[str, tuple[Concept, ...]]:
    found: dict[str, dict[Concept, None]] = defaultdict(dict)
    for name, concept in named:
        found[name][concept] = None
    return {name: tuple(concepts) for name, concepts in found.items()}


def _stands_out(text: str, start: int, end: int) -> bool:
    """Whether capitals mean something here: not in shouted text, and not as a heading ("FH: her mother had ...")."""
    around = text[max(0, start - 60) : start] + text[end : end + 60]
    return text[end : end + 1] != ":" and (around != around.upper() or not _SHOUTED.search(around))
