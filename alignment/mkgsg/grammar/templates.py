"""Templates with alternatives: `[a|b|]` stands for one of its parts; an empty part may be left out.

Names in braces are filled by the writers: {c} condition, {d} drug, {b} second drug, {h} history of the patient, {s} symptoms, {p} the
patient, {H} the history as a sentence.
"""

import random
import re
from functools import lru_cache
from typing import NamedTuple


class Phrasings(NamedTuple):
    trained: tuple[str, ...]
    held_out: tuple[str, ...]


_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_BLANKS = re.compile(r"\s+(?=[,.?;:])|(?<=\s)\s+|\s+$|^\s+")


def expand(template: str, rng: random.Random) -> str:
    """One phrasing of the template; its names in braces stay."""
    return _BLANKS.sub("", "".join(rng.choice(options) for options in _parts(template)))


@lru_cache(maxsize=4096)
def _parts(template: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(part.split("|")) if i % 2 else (part,) for i, part in enumerate(_ALTERNATIVES.split(template)))


def matches(template: str, phrasing: str) -> bool:
    """Whether `expand(template)` can give `phrasing`."""
    parts = _ALTERNATIVES.split(template)
    pattern = "".join(f"(?:{'|'.join(map(re.escape, part.split('|')))})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    squeezed = re.sub(r"(?:\\ )+", r"\\s*", pattern)
    return re.fullmatch(squeezed, phrasing) is not None
