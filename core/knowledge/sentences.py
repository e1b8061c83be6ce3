"""Text as sentences with their concepts, and structured replies (JSON, "Title: value") as fields with a role.

Citations ("[2]") are taken out of a sentence and kept beside it, so that they disturb no rule. A citation that stands after the full
stop belongs to the sentence before it; at the start of a line it belongs to what follows.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention

# "5 mg p.o. twice daily", "5 mg b.i.d. PO": the stop of a dotted abbreviation ends no sentence, unless a word with a capital follows.
_STOP = r"(?:[!?;]|(?<!\.[A-Za-z])\.|(?<=\.[A-Za-z])\.(?=\s+[A-Z][a-z]))"
SENTENCE_END = rf"(?:{_STOP}\s+|\n+)"
"""Ends with the space after a sentence. Shared with the guard, so that no rule ever sees half of a sentence."""
_SENTENCE_END = re.compile(SENTENCE_END)
_NUMBERS = r"\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\]"
CITATION = re.compile(rf"\s*{_NUMBERS}")
_AFTER_STOP = re.compile(rf"([.!?;])((?:[^\S\n]*{_NUMBERS})+)")

Role = Literal["", "diagnosis", "treatment", "alternative", "test", "symptom", "red_flag", "dose", "contraindication", "interaction", "safety_net"]
_TITLES: dict[Role, str] = {
    "diagnosis": r"(?:most )?(?:likely |working |final )?diagnosis|impression|assessment|condition|problem",
    "treatment": r"drugs?(?: of choice)?|treatments?|medications?|medicines?|prescription|therapy|management|plan|rx|start|give"
    r"|first[- _]line(?:[ _](?:drug|treatment))?",
    "alternative": r"alternatives?|second[- _]line(?:[ _](?:drug|treatment))?",
    "test": r"tests?|investigations?|work-?up|confirmatory[ _]test",
    "symptom": r"symptoms?|signs?|features?|signs and symptoms",
    "red_flag": r"red[- _]flags?",
    "dose": r"dos(?:e|age|ing)",
    "contraindication": r"contra-?indications?|avoid(?:[ _]in)?",
    "interaction": r"interactions?|interacts[ _]with",
    "safety_net": r"safety[- _]?net(?:ting)?(?:[ _]advice)?|advice|follow[- _]?up|warning",
}
_ROLES = {role: re.compile(pattern, re.I) for role, pattern in _TITLES.items()}
_HEADING = re.compile(rf"(?:^|[\n.;!?]\s*|[*#]\s*)(?P<title>{'|'.join(_TITLES.values())})\**\s?:\**\s*", re.I)


class Sentence(NamedTuple):
    text: str
    """Without citations."""
    mentions: tuple[Mention, ...]
    cited: tuple[int, ...] = ()
    """Numbers of the evidence block that the sentence cites."""

    def concepts(self, *kinds: Kind) -> list[Concept]:
        return [c for m in self.mentions if (c := m.of_kind(*kinds))]


class Field(NamedTuple):
    """A sentence and the role that its heading or JSON key gives it; prose has none."""

    role: Role
    sentence: Sentence


@lru_cache(maxsize=1024)  # the guard, the claims, each score and the validator read the same reply
def sentences(text: str, knowledge: Knowledge) -> tuple[Sentence, ...]:
    """The sentences of `text` with their mentions; line breaks and semicolons end a sentence too."""
    found: list[Sentence] = []
    has_citations = "[" in text
    if has_citations:
        text = _AFTER_STOP.sub(r"\2\1", text)
    for part in _parts(text):
        if plain := part.strip():
            cited: tuple[int, ...] = ()
            if has_citations and "[" in plain:
                cited = tuple(n for mark in CITATION.findall(plain) for n in numbers(mark))
                plain = CITATION.sub("", plain).strip()
            found.append(Sentence(plain, knowledge.linker.mentions(plain), cited))
    return tuple(found)


def _parts(text: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


def fields(text: str, knowledge: Knowledge) -> Iterator[Field]:
    """The sentences of `text`, each with its role: of a JSON object's key, of a "Title:" before it, or none."""
    if "{" in text and (pairs := _json_pairs(text)) is not None:
        for key, value in pairs:
            yield from (Field(_role(key), s) for s in sentences(value, knowledge))
        return
    headings = list(_HEADING.finditer(text)) if ":" in text else []
    yield from (Field("", s) for s in sentences(text[: headings[0].start("title")] if headings else text, knowledge) if s.text.strip("*# "))
    for position, heading in enumerate(headings):
        end = headings[position + 1].start("title") if position + 1 < len(headings) else len(text)
        yield from (Field(_role(heading["title"]), s) for s in sentences(text[heading.end() : end], knowledge))


def numbers(mark: str) -> Iterator[int]:
    """What a citation cites: three facts in "[2-4]", and in "[4-2]" too."""
    for part in re.split(r"[,;]", mark.strip()[1:-1]):
        low, *high = sorted(map(int, re.split("[–-]", part)))
        yield from range(low, (high[-1] if high else low) + 1)


@lru_cache(maxsize=1024)  # the few titles that there are
def _role(title: str) -> Role:
    return next((role for role, pattern in _ROLES.items() if pattern.fullmatch(title.strip())), "")


def _json_pairs(text: str) -> list[tuple[str, str]] | None:
    """Keys and texts of the JSON object in `text`; None when there is none."""
    try:
        value = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return None
    return list(_flat("", value)) if isinstance(value, dict) else None


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(name if _role(name) else key or name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(key, inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield key, str(value)
