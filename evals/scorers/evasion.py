"""What a reply does in place of answering: it repeats the question, hands back the whole evidence, or answers and takes it back.

Each is right by chance or by having everything in it, as "A or B" is, and so is worth what that is worth: half at most.
"""

import re
from collections.abc import Set as AbstractSet
from functools import lru_cache

from core.knowledge import Knowledge
from core.knowledge.citations import without_citations
from core.knowledge.graph import Kind
from core.knowledge.quantities import amounts
from core.knowledge.sentences import Sentence, fields
from core.types import Item
from core.urgency import asks_urgent_care

HALF = 0.5
"""Of a right answer that is given and taken back."""

_DECLINES = re.compile(
    r"\b(?:can ?not|can['’]t|will not|won['’]t|(?:am|is) (?:not able|unable) to|must decline to) (?:help|assist|answer|comply)\b(?![^.!?\n]*\bbut\b)", re.I
)
_LACKS_THE_ANSWER = re.compile(
    r"\b(?:evidence|sources?|facts?)\b[^.!?\n]{0,30}\b(?:not|no|lacks?|without|insufficient)\b[^.!?\n]{0,30}\banswer"
    r"|\b(?:insufficient|not enough|no) (?:evidence|information) (?:to answer|for an answer)\b",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_COPIED = 4
"""Blanks between words of a question's sentence, from which on it is a copy behind a heading or a key too."""
_FROM_HERE_ON = 3
"""Facts in a block, from which on to quote all of them is to choose none."""
_FIELDS = ("keys", "titles", "headings")
"""Arguments of checks that name the fields of a form."""
_FEW_NAMED = 2
_MOST_NAMED = 6
"""Conditions, drugs and tests in one sentence; one that names more is a list."""


def declines(answer: str) -> bool:
    """Whether a reply says somewhere that it does not help; "I can't examine you, but ..." does not say so."""
    return _DECLINES.search(answer) is not None


def says_that_the_answer_is_lacking(answer: str) -> bool:
    return _LACKS_THE_ANSWER.search(answer) is not None


def repeats_the_question(item: Item, text: str) -> bool:
    """Whether the question says the text already, word for word."""
    return plain_words(text) in plain_words(" ".join(m.content for m in item.messages))


def without_the_question(item: Item, answer: str) -> str:
    """The answer without whole sentences of the question. A part of one is no copy: "Give naproxen." may answer "May I give naproxen?"."""
    asked = {plain_words(s) for m in item.messages for s in _SENTENCE.split(m.content)} - {""}
    long = tuple(s for s in asked if s.count(" ") >= _COPIED)
    said = _SENTENCE.split(answer)
    kept = [s for s in said if (words := plain_words(s)) not in asked and not words.endswith(long)]
    return answer if len(kept) == len(said) else "\n".join(kept)


def says_nothing_new(item: Item, answer: str) -> bool:
    """Whether every word of the answer stands in the question or names a field of the form that was asked for."""
    fields = (name for check in item.checks for arg in _FIELDS if isinstance(names := check.args.get(arg), list) for name in names)
    known = {word for text in (*(m.content for m in item.messages), *fields) for word in plain_words(text).split()}
    return known.issuperset(plain_words(without_citations(answer)).split())


def hands_back_everything(item: Item, text: str, knowledge: Knowledge) -> bool:
    """Whether the text holds every fact of the evidence word for word, those too that do not bear on the question: then it has chosen none."""
    low = text.lower()
    is_whole = len(item.evidence) >= _FROM_HERE_ON and all(fact.rstrip(".").lower() in low for fact in item.evidence)
    return is_whole and not all(_bears_on(item, fact, knowledge) for fact in item.evidence)


def is_list(sentence: Sentence) -> bool:
    """Whether a sentence enumerates: more names than a statement has, or nothing but some. Symptoms do not count: a note lists them."""
    named = {m.concepts[0].id for m in sentence.mentions if m.concepts[0].kind is not Kind.SYMPTOM}
    return len(named) > _MOST_NAMED or (len(named) > _FEW_NAMED and names_only(sentence))


def states_nothing(sentence: Sentence) -> bool:
    """Whether a sentence joins its names by no word: neither does a list of symptoms and a disease say which belongs to which."""
    return is_list(sentence) or (len(sentence.mentions) > _FEW_NAMED and names_only(sentence))


def names_only(sentence: Sentence) -> bool:
    """Whether a sentence is names and no other word."""
    ends = (0, *(m.end for m in sentence.mentions))
    starts = (*(m.start for m in sentence.mentions), len(sentence.text))
    between = " ".join(sentence.text[end:start] for end, start in zip(ends, starts, strict=True))
    return not set(plain_words(between).split()) - {"and", "or"}


def lists_in(text: str, knowledge: Knowledge) -> list[str]:
    """The sentences and fields of a text that are lists."""
    return [s.text for _, s in fields(text, knowledge) if is_list(s)]


def passes_step(ids: AbstractSet[str], item: Item) -> bool:
    """Whether one of the item's steps has both its ends among the ids."""
    return any({step.subject, step.object} <= ids for step in item.steps)


def _bears_on(item: Item, fact: str, knowledge: Knowledge) -> bool:
    """Whether a fact of the evidence holds an answer, or a step on the way to it. Where neither can be seen it does."""
    ids = ids_of(fact, knowledge)
    if passes_step(ids, item):
        return True
    match item.reference.kind:
        case "concepts":
            return any(ids & set(group) for group in item.reference.concepts)
        case "dose":
            return any(amounts(fact))
        case "urgent":
            return asks_urgent_care(fact)
        case _:
            return True


@lru_cache(maxsize=8192)  # every component reads the same question, evidence and answer
def ids_of(text: str, knowledge: Knowledge) -> frozenset[str]:
    """What the text names."""
    return frozenset(c.id for m in knowledge.linker.mentions(text) for c in m.concepts)


@lru_cache(maxsize=4096)  # a question is compared with every sentence of its replies, and sentences repeat
def plain_words(text: str) -> str:
    """The words of a text in lower case, one blank between them."""
    return " ".join(re.findall(r"\w+", text.lower()))
