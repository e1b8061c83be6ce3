"""When two names are one, and which imported names are safe to look for in text.

An ontology has names that are also plain words ("back", "cold", "disease"), abbreviations that are words in small letters ("ALL"), and
long names that would hide a shorter one, as the linker takes the longest: "aspirin allergy" would hide the drug from the safety rules.
Such names stay on their concept, and are not looked for. The names of the built-in base were chosen for text and are not touched.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Linker

_STOP = Path(__file__).parent / "stop_names.txt"
_POSSESSIVE = re.compile(r"['’]s\b")
_NOT_WORD = re.compile(r"[\W_]+")
_BRITISH = (
    *(("aemi", "emi"), ("haem", "hem"), ("anaes", "anes"), ("paed", "ped"), ("caec", "cec"), ("oedem", "edem"), ("oesoph", "esoph"), ("oestr", "estr")),
    *(("rrhoe", "rrhe"), ("pnoe", "pne"), ("foet", "fet"), ("coeli", "celi"), ("tumour", "tumor"), ("colour", "color"), ("fibre", "fiber"), ("sulph", "sulf")),
)
_SHORT = 6
"""Letters. DOORS, BALL, CANVAS and HER are syndromes too."""
_RULED = {Kind.DRUG, Kind.CLASS, Kind.CONTEXT}
"""What the safety rules are about."""
_MATTERS = {Kind.SYMPTOM: set(Kind), Kind.DRUG: _RULED | {Kind.CONDITION}}

_SALTS = frozenset(
    (
        "acetate", "besylate", "bisulfate", "bitartrate", "bromide", "calcium", "citrate", "epolamine", "fumarate", "hcl", "hydrobromide", "hydrochloride",
        "maleate", "mesylate", "oxalate", "phosphate", "potassium", "sodium", "succinate", "sulfate", "tartrate", "tosylate", "tromethamine", "xinafoate",
    )
)  # fmt: skip
"""Counter-ions as the INN modified names have them. Those that make another drug ("lithium carbonate", "isosorbide dinitrate") are not among them."""

COMMON = "a plain word"
ABBREVIATION = "a short abbreviation"
TAKEN = "a name of the built-in base already"
SHARED = "shared by several concepts of its kind"
HIDES = "longer than, and would hide"


@cache
def normal(name: str) -> str:
    """What two names must share to be one: letters and digits in small, no accents, American spelling, no possessive, single spaces.

    Letters of other alphabets stay: α-thalassemia is not thalassemia. Empty for a name without letters and digits.
    """
    plain = name.lower()
    if not plain.isascii():  # twice, as each of the two steps may make work for the other
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).lower())
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = _NOT_WORD.sub(" ", _POSSESSIVE.sub("", plain)).strip()
    for british, american in _BRITISH:
        plain = plain.replace(british, american)
    return plain


def without_salt(name: str) -> str:
    """The active moiety of a drug's normalised name: "sildenafil" of "sildenafil citrate". Empty when the name has no salt."""
    moiety, _, last = name.rpartition(" ")
    return moiety if last in _SALTS else ""


@cache
def stop_names() -> frozenset[str]:
    return frozenset(line.strip() for line in _STOP.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#"))


class Named(NamedTuple):
    """An imported name of a concept."""

    concept: Concept
    name: str
    is_label: bool


def unsafe(imported: Iterable[Named], base: Linker, ancestors: Callable[[str], tuple[str, ...]]) -> Iterator[tuple[Named, str]]:
    """The names that text is not searched for, each with the reason. `base` finds the names of the built-in base, in every spelling."""
    names = list(imported)
    claims: dict[tuple[Kind, str], dict[str, bool]] = defaultdict(dict)
    for named in names:
        claimed = claims[named.concept.kind, normal(named.name)]
        claimed[named.concept.id] = claimed.get(named.concept.id, False) or named.is_label
    for named in names:
        claimed = claims[named.concept.kind, normal(named.name)]
        if reason := _plain_word(named.name) or _in_the_way(named, base, ancestors) or _shared(named, claimed):
            yield named, reason


def _plain_word(name: str) -> str:
    if len(name) <= _SHORT and not any(c.islower() for c in name):
        return ABBREVIATION
    return COMMON if len(normal(name)) < 3 or normal(name) in stop_names() else ""


def _in_the_way(named: Named, base: Linker, ancestors: Callable[[str], tuple[str, ...]]) -> str:
    """A kind of what a longer name hides may hide it: what holds for asthma holds for allergic asthma. And a condition may hide another:
    "diabetes insipidus" is not diabetes. A symptom may not: a red flag is about the symptom by its own name.
    """
    concept = named.concept
    for mention in base.mentions(named.name):
        others = [c for c in mention.concepts if c.id != concept.id]
        if others and len(mention.concepts) == len(others):
            if len(mention.text) == len(named.name):
                is_drug_of_class = concept.kind is Kind.DRUG and all(c.kind is Kind.CLASS for c in others)
                return "" if is_drug_of_class else TAKEN  # tetracycline is a drug and a class: then it is read as both
            may_hide = () if concept.kind is Kind.SYMPTOM else ancestors(concept.id)
            if hidden := next((c for c in others if c.kind in _MATTERS.get(concept.kind, _RULED) and c.id not in may_hide), None):
                return f"{HIDES} {hidden.label!r}"
    return ""


def _shared(named: Named, claimed: dict[str, bool]) -> str:
    """Of several concepts of one kind the one that has the name as its label keeps it."""
    is_mine = len(claimed) == 1 or (claimed[named.concept.id] and sum(claimed.values()) == 1)
    return "" if is_mine else SHARED
