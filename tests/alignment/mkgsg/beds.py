"""Clean items, with the path that each was made from, and how a reply or a question of theirs is changed."""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from alignment.mkgsg.case import Case
from alignment.mkgsg.generate import Written, write
from alignment.mkgsg.source import CAPABILITY_OF, enumerate_cases
from alignment.mkgsg.workflow import capital
from alignment.mkgsg.writer import Writer
from core.knowledge import Knowledge
from core.knowledge.graph import Dose
from core.types import Message

THINK_END = "</think>"
STOCK = 3600


class Bed(NamedTuple):
    """A clean item with the path that it was made from."""

    case: Case
    written: Written
    knowledge: Knowledge

    @property
    def thought(self) -> str:
        return self.written.completion.partition(THINK_END)[0] if THINK_END in self.written.completion else ""

    @property
    def answer(self) -> str:
        return self.written.completion.rpartition(THINK_END)[2].strip()

    @property
    def question(self) -> str:
        return self.written.sample.messages[-1].content

    @property
    def dose(self) -> Dose | None:
        return self.case.facts[0].dose if self.case.facts else None

    def label(self, concept: str) -> str:
        return self.knowledge.graph.label(concept)

    def reply(self, answer: str, thought: str | None = None) -> Written:
        """The item with another answer; the thought stays unless another is given."""
        thought = self.thought if thought is None else thought
        return self.written.model_copy(update={"completion": f"{thought}{THINK_END} {answer}" if thought else answer})

    def swapped(self, old: str, new: str) -> Written | None:
        """The item with one name in its answer replaced by another, in whatever form the answer has. None when it is not there."""
        text = re.sub(re.escape(old), lambda m: _cased(new, m.group(0)), self.answer, flags=re.IGNORECASE)
        return None if text == self.answer else self.reply(text)

    def asked(self, question: str) -> Written:
        last = Message(role="user", content=question)
        sample = self.written.sample.model_copy(update={"messages": (*self.written.sample.messages[:-1], last)})
        return self.written.model_copy(update={"sample": sample})


Corruption = Callable[[Bed, random.Random], Written | None]


def beds(knowledge: Knowledge, seed: int) -> Iterator[Bed]:
    """Endless clean items, all families in turn."""
    rng = random.Random(seed)
    writer = Writer(knowledge, rng, None)
    cases = {family: found for family, found in enumerate_cases(knowledge.graph, tuple(CAPABILITY_OF)).items() if found}
    while True:
        for found in cases.values():
            case = rng.choice(found)
            yield Bed(case, write(case, writer), knowledge)


@cache
def stock(knowledge: Knowledge) -> tuple[Bed, ...]:
    """The items that are corrupted: written once, since that costs more than to corrupt and to judge them."""
    endless = beds(knowledge, 23)
    return tuple(next(endless) for _ in range(STOCK))


def planted(kind: Corruption, knowledge: Knowledge, count: int, seed: int) -> list[tuple[Bed, Written]]:
    """At most `count` items corrupted in one way, no two alike."""
    rng = random.Random(seed)
    found: dict[str, tuple[Bed, Written]] = {}
    for bed in (*stock(knowledge), *stock(knowledge)):
        bad = kind(bed, rng)
        if bad is not None and bad != bed.written:
            found.setdefault(f"{bad.sample.messages[-1].content}\n{bad.completion}", (bed, bad))
        if len(found) == count:
            break
    return list(found.values())


def _cased(new: str, like: str) -> str:
    return new.upper() if like.isupper() else capital(new) if like[:1].isupper() else new
