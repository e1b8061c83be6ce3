"""Text as a string of words: each word, and what stands between two words, becomes one character.

A dictionary learns the pieces that it meets: spelling, plurals, accents and case are decided once for a distinct word, not once for an
occurrence, so that they cost nothing at run time. A name is then a short string, and names are found by an ordinary string search.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from string import ascii_lowercase

from core.knowledge.words import singulars, spelled

# A word with its possessive, or what stands between two words; U+0300 to U+036F are accents written as characters of their own.
PIECES = re.compile(r"[\w\u0300-\u036f]+(?:['’][sS](?![\w\u0300-\u036f]))?|[^\w\u0300-\u036f]+")
UNKNOWN, BREAK, JOIN = "\x00", "\x01", " "
"""A word of no name; what no name reaches across; a space, a hyphen, an apostrophe or the end of a line."""
_LONGEST_PIECE = 64
"""No word of a name is longer; what is longer is not looked at."""
_MOST_PIECES = 200_000
"""Distinct pieces remembered, some 30 MB. Clinical text has a few ten thousand."""
_PLAIN = str.maketrans("’‘‐‑–\u00a0\u202f", "''---  ")
# Forms that are written with and without a hyphen before a word: gastro-oesophageal, nonspecific.
_COMBINING = re.compile(
    r"(anti|angio|broncho|cardio|cerebro|electro|entero|extra|gastro|hepato|hyper|hypo|inter|intra|mal|micro|multi|musculo|myo|naso|neuro|non|oro|osteo|over|para|peri|poly"
    r"|post|pre|pseudo|radio|semi|sub|supra|thrombo|tracheo|under)(\w{4,})"
)
_GRADED = frozenset(("type", "stage", "grade", "class", "group", "factor"))
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_NUMERALS = {str(n): roman for n, roman in enumerate(_ROMAN, start=1)} | {r: str(n) for n, roman in enumerate(_ROMAN, start=1) for r in (roman, roman.lower())}
_NUMBERS = ("one", "two", "three", "four", "five")
_SPOKEN = {number: word for n, word in enumerate(_NUMBERS, start=1) for number in (str(n), _ROMAN[n - 1])}
_SPACE = frozenset(" ")

Cut = tuple[str, ...]
"""A name's pieces: words at even places, what stands between them at odd ones."""


class Pieces(dict[str, str]):
    """Characters by piece, learnt as pieces are met: words that are the same word share one, and what is in no name is UNKNOWN."""

    def __init__(self, names: Iterable[Cut]) -> None:
        super().__init__()
        written, singular = _words_of(names)
        self._known = {spelled(word) for word in (*written, *singular, *_NUMERALS, *_NUMBERS, *ascii_lowercase)}
        self._forms = {word: form for word in written if (form := self._combining_form(word))}
        self._known |= {spelled(form[0]) for form in self._forms.values()}
        marks = {_separator(piece) for cut in names for piece in cut[1::2] if piece != " "} - {JOIN, BREAK}
        self._letters = {JOIN: JOIN, BREAK: BREAK, **dict(zip((*sorted(marks), *sorted(self._known)), _characters(), strict=False))}

    def code(self, pieces: Iterable[str]) -> str:
        """One character for each of `pieces`."""
        if len(self) > _MOST_PIECES:
            self.clear()
        return "".join(map(self.__getitem__, pieces))

    def keys_of(self, name: Cut) -> Iterator[str]:
        """The strings that the name may be: as it is, without its hyphens or with one more, without its dots and commas, "type II" and "type two" for "type 2",
        "diabetes mellitus type 2" for "type 2 diabetes mellitus".
        """
        if len(name) > 4 and name[0].lower() in _GRADED and name[2] in _NUMERALS and name[3] == " ":
            yield from self.keys_of((*name[4:], " ", *name[:3]))
        yield self.code(name)
        if not _SPACE.issuperset(name[1::2]):
            yield self.code(_without_marks(name))
        if not self._forms.keys().isdisjoint(name):
            yield self.code(p for piece in name for p in self._forms.get(piece, (piece,)))
        if not _NUMERALS.keys().isdisjoint(name):
            for numerals in (_NUMERALS, _SPOKEN):
                yield self.code(numerals.get(piece, piece) if i > 1 and name[i - 2].lower() in _GRADED else piece for i, piece in enumerate(name))

    def _combining_form(self, word: str) -> Cut:
        form = _COMBINING.fullmatch(word.lower())
        return (form[1], JOIN, form[2]) if form and spelled(form[2]) in self._known else ()

    def __missing__(self, piece: str) -> str:
        if len(piece) > _LONGEST_PIECE:
            return UNKNOWN
        letter = self._letters.get(self._word(piece), UNKNOWN) if _is_word(piece) else self._letters.get(_separator(piece), BREAK)
        self[piece] = letter
        return letter

    def _word(self, piece: str) -> str:
        """The known word that `piece` is, in its own form or as a plural; else its spelling."""
        proposals = (piece[:-1],) if piece[-1] == "s" and piece[:-1].isupper() else singulars(piece.lower())
        return next((s for p in proposals if (s := spelled(p)) in self._known), spelled(piece))


@lru_cache(maxsize=1)
def cut(text: str) -> tuple[list[str], list[int]]:
    """The pieces of `text` and where each begins, with the end of the text as the last. Remembered once: a text's context is read after its mentions."""
    pieces = PIECES.findall(text)
    return pieces, [0, *accumulate(map(len, pieces))]


def cut_name(name: str) -> Cut:
    """The pieces of a name, without what stands before its first and after its last word; empty when it has no word."""
    pieces = PIECES.findall(name)
    return tuple(pieces[not _is_word(pieces[0]) : len(pieces) - (not _is_word(pieces[-1]))]) if pieces else ()


def plain(text: str) -> str:
    """Lower case, with plain quotes, hyphens and single spaces."""
    return " ".join(text.translate(_PLAIN).lower().split())


def _characters() -> Iterator[str]:
    yield from map(chr, range(0x100, 0xD800))
    yield from map(chr, range(0xE000, 0x110000))  # surrogates lie between


def _is_word(piece: str) -> bool:
    return piece[0].isalnum() or piece[0] == "_" or "\u0300" <= piece[0] <= "\u036f"


def _separator(piece: str) -> str:
    """JOIN, BREAK, or the punctuation without the spaces around it."""
    mark = piece.translate(_PLAIN).strip()
    if mark == "-" and piece[0].isspace():
        return "--"  # a dash
    if mark in ("", "'", "-"):
        return BREAK if piece.count("\n") > 1 else JOIN
    return mark


def _words_of(names: Iterable[Cut]) -> tuple[set[str], set[str]]:
    """The words of all names, hyphenated ones joined too; and the singulars of words that names write in the plural."""
    written: set[str] = set()
    singular: set[str] = set()
    for name in names:
        written.update(name[::2])
        if not _SPACE.issuperset(name[1::2]):
            written.update(_without_marks(name)[::2])
            singular.update(word[:-1] for word, mark in zip(name[::2], name[1::2], strict=False) if mark[0] in "'’")  # Graves' disease
        if name[-1][-1] == "s" and len(name[-1]) > 7:
            singular.update(singulars(name[-1].lower())[:1])  # palpitations
    return written, singular


def _without_marks(pieces: Cut) -> Cut:
    """Hyphenated words as one; a space for a dot or a comma."""
    kept = [pieces[0]]
    for mark, word in zip(pieces[1::2], pieces[2::2], strict=True):
        if mark.translate(_PLAIN) == "-":
            kept[-1] += word
        else:
            kept += [JOIN if mark.strip() in (".", ",") else mark, word]
    return tuple(kept)
