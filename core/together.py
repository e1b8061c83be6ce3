"""Which drugs a reply orders together. A choice between drugs ("X or Y", "X; if not tolerated Y", first and second line) orders one of them.

Seen are drugs of one order that "and", "plus", "with" or a list joins, a drug that a later order adds ("also start Y"), and orders one after
the other where nothing before them offers a choice. In doubt two drugs are not together: most replies that name two offer a choice.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, groupby, pairwise
from typing import NamedTuple

from core.knowledge.graph import Concept, Kind
from core.knowledge.sentences import Sentence
from core.recommendation import is_order

_CHOICE = re.compile(
    r"\b(?:n?or|either|alternativ\w+|instead|if|unless|otherwise|failing|than|rather|options?|choices?|choose|one of|any of|(?:first|second|third|next)[- ]line"
    r"|step (?:\d|one|two|three)|switch\w*|replac\w+|stop\w*|separat\w+|weeks? (?:after|apart)"
    r")\b",
    re.I,
)
_ON_PURPOSE = re.compile(r"\b(?:bridg\w+|overlap\w*|\w+parin cover|until (?:the|his|her|their) INR)\b", re.I)  # warfarin is begun under heparin
_VERB = r"(?:give|start|prescribe|use|take|add|begin|continue|administer|offer|commence|initiate|order)"
_BETWEEN = re.compile(
    r"(?:(?!\b(?:caution|care|monitor\w*|interact\w*|risks?|patients?|those|people|who|taking|because|as(?! well)|but)\b)[^.;?!|]){0,80}?"
    r"(?:,|&|\+|\b(?:and|plus|with|together with|along with|alongside|in addition to|as well as)\b)[\s,]*"
    rf"(?:(?:also|then|together|with|and|please|{_VERB}|an?|the|some|oral|iv|low[- ]dose|[\d.,]+ ?(?:mg|g|mcg|micrograms?|units?|ml)|of)\s+)*",
    re.I,
)
_JOINS = re.compile(r"[&+]|\b(?:and|plus|with|alongside|in addition|as well)\b", re.I)
_ADDS = re.compile(
    r"\b(?:also|additionally|in addition|as well|at the same time|alongside|together with (?:it|this|that))\b"
    rf"|(?:^\W*|\b(?:and|then)\s+)add\b|\bplus\b(?=\W+{_VERB})",
    re.I,
)
_PLAIN_ORDER = re.compile(rf"^\W*(?:\d+[.)]\s*)?(?:(?:then|also|and|please)\s+)?{_VERB}\b", re.I)
# "Sildenafil 50 mg as needed", after a bullet or a number: a line of a prescription, which is how models answer most. Without an amount, or with a
# verb ("X 50 mg is usual"), it is none.
_AMOUNT_ONLY = re.compile(
    r"\W*\d[\d.,]*(?:\s*(?:to|-|–)\s*\d[\d.,]*)?\s*(?:mg|g|mcg|micrograms?|units?|ml|puffs?)\b"
    r"(?!.*\b(?:is|are|was|were|has|have|had|can|could|may|might|should|must|will|would|do|does)\b)",
    re.I,
)
_IS_TO_HAVE = re.compile(
    r"\b(?:should|must|needs? to|ought to) (?:also )?(?:be (?:given|started on|offered|prescribed|put on)|have|get|take|receive|start)\b", re.I
)


class Together(NamedTuple):
    first: Concept
    second: Concept
    sentence: Sentence
    """In which the second is ordered."""


def ordered_together(reply: Sequence[Sentence], recommended: Sequence[tuple[Concept, Sentence]]) -> Iterator[Together]:
    """Pairs of drugs that the reply orders both of. `recommended`: drugs with their sentences, in their order."""
    if len({drug.id for drug, _ in recommended}) < 2:
        return
    chooses_from = next((n for n, sentence in enumerate(reply) if _CHOICE.search(sentence.text)), len(reply))
    plain = {sentence.text for sentence in reply[:chooses_from] if _PLAIN_ORDER.search(sentence.text) or _is_line(sentence)}
    earlier: dict[str, tuple[Concept, bool]] = {}
    for _, group in groupby(recommended, key=lambda found: found[1].text):
        here = list(group)
        drugs, sentence = list({drug.id: drug for drug, _ in here}.values()), here[0][1]
        yield from _in_one_order(drugs, sentence)
        if not _is_order(sentence) or _CHOICE.search(sentence.text) or _ON_PURPOSE.search(sentence.text):
            continue
        adds, is_plain = _ADDS.search(sentence.text) is not None, sentence.text in plain
        yield from (Together(first, drug, sentence) for first, was_plain in earlier.values() for drug in drugs if adds or (was_plain and is_plain))
        earlier |= {drug.id: (drug, is_plain) for drug in drugs}


def _in_one_order(drugs: Sequence[Concept], sentence: Sentence) -> Iterator[Together]:
    """Of a list that ends in a joining word all members: "X 5 mg, Y and Z"."""
    named = {drug.id for drug in drugs}
    mentions = [m for m in sentence.mentions if (drug := m.of_kind(Kind.DRUG)) and drug.id in named]
    if len(mentions) < 2 or not _orders(sentence.text[: mentions[0].start]) or _ON_PURPOSE.search(sentence.text):
        return
    runs = [[mentions[0]]]
    is_joined = [False]
    for mention, following in pairwise(mentions):
        between = sentence.text[mention.end : following.start]
        if _BETWEEN.fullmatch(between) and not _CHOICE.search(between):
            runs[-1].append(following)
            is_joined[-1] |= _JOINS.search(between) is not None
        else:
            runs.append([following])
            is_joined.append(False)
    for run, joined in zip(runs, is_joined, strict=True):
        if joined and not _CHOICE.search(sentence.text, 0, run[0].start):
            for first, second in combinations({c.id: c for m in run if (c := m.of_kind(Kind.DRUG))}.values(), 2):
                yield Together(first, second, sentence)


def _is_order(sentence: Sentence) -> bool:
    return _orders(sentence.text) or _is_line(sentence)


def _orders(text: str) -> bool:
    return is_order(text) or _PLAIN_ORDER.search(text) is not None or _IS_TO_HAVE.search(text) is not None


def _is_line(sentence: Sentence) -> bool:
    """Whether the sentence is a drug with its amount and nothing before it."""
    first = next((m for m in sentence.mentions if m.of_kind(Kind.DRUG)), None)
    return first is not None and not sentence.text[: first.start].strip("-*•– \t") and _AMOUNT_ONLY.match(sentence.text, first.end) is not None
