"""When two names are one, and which imported names are safe to look for in text.

An ontology has names that are also plain words ("back", "cold", "disease"), abbreviations that are words in small letters ("ALL"), and
long names that would hide a shorter one, as the linker takes the longest: "aspirin allergy" would hide the drug from the safety rules.
Such names stay on their concept, and are not looked for. The names of the built-in base were chosen for text and are not touched.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.knowledge.graph import Concept, Kind

_STOP = Path(__file__).parent / "stop_names.txt"
_POSSESSIVE = re.compile(r"['’]s\b")
_NOT_WORD = re.compile(r"[^0-9a-z]+")
_BRITISH = (
    (re.compile(r"\b(an|leuk|h|isch|hyper|ur|tox|septic|bacter|vir|gly|lip|lipid|prote|natr|kal|calc|hypox)aem"), r"\1em"),
    (re.compile(r"aemi"), "emi"),
    (re.compile(r"haem"), "hem"),
    (re.compile(r"anaes"), "anes"),
    (re.compile(r"paed"), "ped"),
    (re.compile(r"caec"), "cec"),
    (re.compile(r"gynaec"), "gynec"),
    (re.compile(r"\boed"), "ed"),
    (re.compile(r"oesoph"), "esoph"),
    (re.compile(r"oest"), "est"),
    (re.compile(r"rrhoe"), "rrhe"),
    (re.compile(r"pnoe"), "pne"),
    (re.compile(r"foet"), "fet"),
    (re.compile(r"coeli"), "celi"),
    (re.compile(r"tumour"), "tumor"),
    (re.compile(r"colour"), "color"),
    (re.compile(r"fibre"), "fiber"),
    (re.compile(r"\bsulph"), "sulf"),
)
_LONGEST = 6
"""Words of a name that could be hidden; the base's longest names have more, but are not hidden by longer ones in practice."""
_SHORT = 4

COMMON = "a plain word"
ABBREVIATION = "a short abbreviation"
TAKEN = "a name of the built-in base already"
SHARED = "shared by several concepts of its kind"
HIDES = "longer than, and would hide"


@cache
def normal(name: str) -> str:
    """What two names must share to be one: letters and digits in small, American spelling, no possessive, single spaces."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode() if not name.isascii() else name.lower()
    plain = _NOT_WORD.sub(" ", _POSSESSIVE.sub("", plain)).strip()
    for spelling, american in _BRITISH:
        plain = spelling.sub(american, plain)
    return plain


@cache
def stop_names() -> frozenset[str]:
    return frozenset(line.strip() for line in _STOP.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#"))


class Named(NamedTuple):
    """An imported name of a concept."""

    concept: Concept
    name: str
    is_label: bool


def unsafe(imported: Iterable[Named], base: Iterable[Concept], ancestors: Callable[[str], tuple[str, ...]]) -> Iterator[tuple[Named, str]]:
    """The names that text is not searched for, each with the reason."""
    names = list(imported)
    owners: dict[str, list[Concept]] = defaultdict(list)
    for concept in base:
        for name in (concept.label, *concept.synonyms):
            owners[normal(name)].append(concept)
    claims: dict[tuple[Kind, str], dict[str, bool]] = defaultdict(dict)
    for named in names:
        claimed = claims[named.concept.kind, normal(named.name)]
        claimed[named.concept.id] = claimed.get(named.concept.id, False) or named.is_label
    for named in names:
        if reason := _reason(named, owners, claims, ancestors):
            yield named, reason


def _reason(
    named: Named,
    owners: Mapping[str, list[Concept]],
    claims: Mapping[tuple[Kind, str], dict[str, bool]],
    ancestors: Callable[[str], tuple[str, ...]],
) -> str:
    concept, name = named.concept, normal(named.name)
    if len(named.name) <= _SHORT and sum(c.isupper() for c in named.name) > 1:
        return ABBREVIATION
    if name in stop_names() or len(name) < 3:
        return COMMON
    if any(owner.id != concept.id for owner in owners.get(name, ())):
        return TAKEN
    if hidden := _hidden(concept, name, owners, ancestors):
        return f"{HIDES} {hidden!r}"
    claimed = claims[concept.kind, name]
    if len(claimed) > 1 and not (claimed[concept.id] and sum(claimed.values()) == 1):
        return SHARED
    return ""


def _hidden(concept: Concept, name: str, owners: Mapping[str, list[Concept]], ancestors: Callable[[str], tuple[str, ...]]) -> str:
    """The name inside this one that the base gives to a drug, a class or a patient's context, or to a symptom when this is one too.

    A condition may hide another: "diabetes insipidus" is not diabetes. A kind of what it hides may: rules for asthma hold for allergic asthma.
    """
    words = name.split()
    matters = {Kind.DRUG, Kind.CLASS, Kind.CONTEXT} | ({Kind.SYMPTOM, Kind.CONDITION} if concept.kind is Kind.SYMPTOM else set())
    for size in range(min(_LONGEST, len(words) - 1), 0, -1):
        for start in range(len(words) - size + 1):
            inside = " ".join(words[start : start + size])
            for owner in owners.get(inside, ()):
                if owner.kind in matters and owner.id != concept.id and owner.id not in ancestors(concept.id):
                    return owner.label
    return ""
