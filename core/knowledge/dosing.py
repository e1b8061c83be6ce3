"""Which drug an amount in a text belongs to."""

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention
from core.knowledge.quantities import NUMBER, PRODUCT, amounts, number

_OF = re.compile(r"\s*(?:of\s+)?(?:tablets?\s+|capsules?\s+)?(?:of\s+)?", re.I)
_IS_ITS_OWN = re.compile(r"[\s:(,]*(?:(?:at|in|is|a|an|the|usual|adult|dose|of)\s+)*", re.I)

# "Take 10 X 500 mg tablets", "ten tablets of X 500 mg", "10 of the 500 mg X tablets", "X 500 mg tablets: take 10": so many of the strength.
_COUNT_BEFORE = re.compile(rf"(?<![\d.,])({NUMBER})\s*(?:x\s*|×\s*)?(?:{PRODUCT}\s+)?(?:of\s+)?(?:(?:the|his|her|your|my|these|those)\s+)?$", re.I)
_PRODUCT_OF = re.compile(rf"{PRODUCT}\s+of\s+$", re.I)
_STRENGTH = re.compile(rf"[\s(]*(?:{PRODUCT}\s+)?(?:of\s+)?", re.I)
_IS_PRODUCT = re.compile(rf"[\s-]*{PRODUCT}\b", re.I)
_COUNT_AFTER = re.compile(
    rf"[\s-]*{PRODUCT}\b[\s,:;–—-]*(?:take|swallow|give|have)\s+({NUMBER})\b(?=\s*(?:{PRODUCT}\b|at once|together|in one go|[.,;]|$))", re.I
)
_SUPPLIES = re.compile(r"\b(?:dispens\w+|provid\w+|suppl\w+|packs?|packets?|box(?:es)?|bottles?|quantity|issue\w*|prescri\w+|stock\w*|buy|sell)\b", re.I)
# "28 X 5 mg tablets, one daily": a supply, and how many of it are taken.
_TAKEN_OF_IT = re.compile(
    rf"\bto be taken\b|\b(?:one|two|half|an?|[12])\s+(?:{PRODUCT}\s+)?(?:to be taken\s+)?"
    r"(?:once|twice|three times|daily|nightly|a day|every|each|at night|in the morning)\b",
    re.I,
)
_PACKS = frozenset((28.0, 30.0, 56.0, 60.0, 84.0, 90.0, 112.0))
_SWALLOWED = re.compile(r"\b(?:take|taken?|swallow\w*|at once|in one go)\b", re.I)
_NEAR = 40


class Text(Protocol):
    """A sentence, or a clause of one."""

    @property
    def text(self) -> str: ...
    @property
    def mentions(self) -> Sequence[Mention]: ...


class Dosed(NamedTuple):
    drug: Concept
    amount: re.Match[str]
    """Of `QUANTITY`."""
    before: str
    after: str
    """The words around it, up to the next drug or amount."""
    taken: float = 1.0
    """How many of the amount are taken at once: ten of "ten tablets of X 500 mg"."""


def dosed(part: Text) -> Iterator[Dosed]:
    """Each quantity with its drug and the words before and after it, up to the next drug or quantity.

    Its drug is the one it stands beside ("ibuprofen 400 mg", "400 mg of ibuprofen"), else the nearest before it, else the only one.
    """
    drugs = [(m, c) for m in part.mentions if (c := m.of_kind(Kind.DRUG))]
    if not drugs:
        return
    starts = [m.start for m, _ in drugs]
    matches = list(amounts(part.text))
    for position, match in enumerate(matches):
        after = bisect(starts, match.start())
        before = drugs[after - 1] if after else None
        following = drugs[after] if after < len(drugs) else None
        begin = max(before[0].end if before else 0, matches[position - 1].end() if position else 0)
        end = matches[position + 1].start() if position + 1 < len(matches) else len(part.text)
        stop = min([end, *(s for s in starts[after : after + 2] if s > match.end() + 4)])
        is_its_own = before is not None and _IS_ITS_OWN.fullmatch(part.text, before[0].end, match.start())
        if following and not is_its_own and _OF.fullmatch(part.text, match.end(), following[0].start):
            count = _count(part.text, following[0], match)
            yield Dosed(following[1], match, part.text[begin : match.start()], part.text[match.end() : stop], count)
        elif before or len(drugs) == 1:
            drug = before or drugs[0]
            yield Dosed(drug[1], match, part.text[begin : match.start()], part.text[match.end() : stop], _count(part.text, drug[0], match))


def _count(text: str, drug: Mention, amount: re.Match[str]) -> float:
    """How many of a strength are taken; one where the text does not say, or tells of a supply."""
    first = min(drug.start, amount.start())
    if drug.end <= amount.start():
        is_strength = _STRENGTH.fullmatch(text, drug.end, amount.start()) is not None
        names_product = _IS_PRODUCT.match(text, amount.end()) or _IS_PRODUCT.match(text, drug.end) or _PRODUCT_OF.search(text, max(0, first - _NEAR), first)
    else:
        is_strength = not text[amount.end() : drug.start].strip()
        names_product = _IS_PRODUCT.match(text, drug.end)
    if not is_strength or not names_product:
        return 1.0
    found = _COUNT_BEFORE.search(text, max(0, first - _NEAR), first) or (_COUNT_AFTER.match(text, amount.end()) if drug.end <= amount.start() else None)
    if found is None or _SUPPLIES.search(text[: found.start(1)]) or _TAKEN_OF_IT.search(text, found.end()):
        return 1.0
    count = number(found[1])
    return 1.0 if count in _PACKS and not _SWALLOWED.search(text) else count
