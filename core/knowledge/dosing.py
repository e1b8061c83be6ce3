"""Which drug an amount in a text belongs to."""

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention
from core.knowledge.quantities import amounts

_OF = re.compile(r"\s*(?:of\s+)?(?:tablets?\s+|capsules?\s+)?(?:of\s+)?", re.I)
_IS_ITS_OWN = re.compile(r"[\s:(,]*(?:(?:at|in|is|a|an|the|usual|adult|dose|of)\s+)*", re.I)


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
            yield Dosed(following[1], match, part.text[begin : match.start()], part.text[match.end() : stop])
        elif before or len(drugs) == 1:
            yield Dosed((before or drugs[0])[1], match, part.text[begin : match.start()], part.text[match.end() : stop])
