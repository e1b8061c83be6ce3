"""Templates with alternatives: `[a|b|]` stands for one of its parts; an empty part may be left out.

Names in braces are filled by the writers: {c} condition, {d} drug, {b} second drug, {h} history of the patient, {s} symptoms, {p} the
patient, {H} the history as a sentence.
"""

import random
import re
from typing import NamedTuple


class Phrasings(NamedTuple):
    trained: tuple[str, ...]
    held_out: tuple[str, ...]


_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_BLANKS = re.compile(r"\s+(?=[,.?;:])|(?<=\s)\s+|\s+$|^\s+")


def expand(template: str, rng: random.Random) -> str:
    """One phrasing of the template; its names in braces stay."""
    text = template
    while _ALTERNATIVES.search(text):
        text = _ALTERNATIVES.sub(lambda m: rng.choice(m[1].split("|")), text)
    return _BLANKS.sub("", text)


def matches(template: str, phrasing: str) -> bool:
    """Whether `expand(template)` can give `phrasing`."""
    parts = _ALTERNATIVES.split(template)
    pattern = "".join(f"(?:{'|'.join(map(re.escape, part.split('|')))})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    squeezed = re.sub(r"(?:\\ )+", r"\\s*", pattern)
    return re.fullmatch(squeezed, phrasing) is not None
