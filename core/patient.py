"""What a conversation says of the patient: the conditions, circumstances and current drugs that the clinical rules go by.

The rules fail closed, and so does this: a mention is the patient's unless its context surely says otherwise. A past condition is the
patient's too: a drug that a peptic ulcer rules out is ruled out by a history of one.
"""

import re
from collections.abc import Iterator, Sequence

from core.knowledge import Knowledge, builtin
from core.knowledge.context import InContext, in_context
from core.knowledge.context_cues import Context
from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention
from core.knowledge.sentences import Sentence, sentences
from core.types import Message

# What the context calls denied or someone else's is absent when nothing else stands between its cue and the mention, which is
# written as "§" here. A list that a word joins is covered; a bare comma may begin what is present ("no known allergies, pregnant").
_FILLER = r"(?:known|history|evidence|signs?|of|any|an?|the|had|has|have|having|been|taking|taken|on|to|for|drug|allerg(?:y|ies)|current|previous|past)"
_JOINS = rf"(?:\s*[,/]\s*|\s*,?\s*(?:n?or|and)\s+)(?:{_FILLER}\s+)*§+"
_CLOSE = re.compile(rf":?\s+(?:{_FILLER}\s+)*§+(?:{_JOINS})*", re.I)
_RELATED = re.compile(rf":?(?:\s+(?!(?:but|and|she|he)\b)[\w'’]+){{0,4}}?\s+§+(?:{_JOINS})*", re.I)
_BARE_COMMA = re.compile(r"[,/]\s*(?!n?or\b|and\b)", re.I)
_LIST_GOES_ON = rf"(?:\s*[,/]\s*(?:{_FILLER}\s+)*§+)*,?\s*"
_OR, _AND_OR = (re.compile(rf"{_LIST_GOES_ON}(?:{word})\s+(?:{_FILLER}\s+)*§", re.I) for word in ("n?or", "n?or|and"))
_NOT_AND = re.compile(r"(?:no|not|never)$", re.I)  # "no asthma and gout" may tell of gout
_LAST_JOINED = re.compile(rf"(?:n?or|and)\s+(?:{_FILLER}\s+)*§+$", re.I)
_PREVENTED = re.compile(r"(?:vaccin|immuni[sz]ation|shot|screening)", re.I)
_WHOSE = re.compile(r"(?:\b(?:her|his|their|our|patient['’]s)|\b(?P<my>my|your))\s+$|(?P<begin>^\W*)$", re.I)
_FAR = 300
# A drug that the user asks about is not yet one that the patient takes.
_TAKES = re.compile(
    r"\b(takes?|taking|took|(?:is|are|am|patient|already|currently|man|woman|she|he) on|receiv\w+|us(?:es|ing)|current(?:ly)?"
    r"|med(?:s|ications?)|drug history|treated with|prescribed|started on)\b",
    re.I,
)


def patient_concepts(messages: Sequence[Message], knowledge: Knowledge) -> tuple[Concept, ...]:
    """What the user says of the patient: conditions, contexts and current drugs, present or past, that are neither denied nor a relative's."""
    concepts: dict[str, Concept] = {}
    for message in messages:
        if message.role != "user":
            continue
        for sentence in sentences(message.content, knowledge):
            takes, marked = _TAKES.search(sentence.text), _marked(sentence)
            for found in in_context(sentence.text, sentence.mentions):
                is_taken = takes is not None and takes.end() <= found.mention.start
                meant = [c for c in _meant(found.mention, knowledge) if c.kind is not Kind.DRUG or is_taken]
                if meant and not _is_absent(found, marked):
                    concepts |= {c.id: c for c in meant}
    return tuple(concepts.values())


def _meant(mention: Mention, knowledge: Knowledge) -> Iterator[Concept]:
    """What is named, and what the built-in base finds in a longer name that was imported: what melanoma rules out is ruled out by "uveal
    melanoma" too, though the ontology does not put the one below the other.
    """
    base = builtin().linker
    for named in (mention, *(base.mentions(mention.text) if knowledge.linker is not base else ())):
        concept = named.of_kind(Kind.CONTEXT, Kind.CONDITION, Kind.DRUG)
        if concept and concept.id in knowledge.graph.concepts:
            yield knowledge.graph.concepts[concept.id]


def _marked(sentence: Sentence) -> str:
    marked = list(sentence.text.replace("§", " "))
    for mention in sentence.mentions:
        marked[mention.start : mention.end] = "§" * (mention.end - mention.start)
    return "".join(marked)


def _is_absent(found: InContext, marked: str) -> bool:
    """Whether the mention is surely not the patient's. In doubt, and when it is history, it is."""
    cue_start, cue_end = found.cue
    end = found.mention.end
    if found.context in (Context.AFFIRMED, Context.HISTORICAL) or end - cue_end > _FAR:
        return False
    cue, between = marked[cue_start:cue_end], marked[cue_end:end]
    if cue_start >= end:  # "asthma was ruled out", "flu vaccine"
        return not marked[end:cue_start].strip() and (found.context is Context.NEGATED or _PREVENTED.match(cue) is not None)
    if found.context is Context.HYPOTHETICAL:  # "what if she is pregnant" asks for a pregnant patient, and a risk of ulcers is a reason too
        return False
    is_weak = _NOT_AND.search(cue) is not None
    if found.context is Context.OTHER and not _is_relatives(cue, marked[max(0, cue_start - 40) : cue_start], marked[cue_end : cue_end + 20]):
        return False
    if not (_CLOSE if found.context is Context.NEGATED else _RELATED).fullmatch(between) or (is_weak and re.search(r"\band\b", between)):
        return False
    if not _BARE_COMMA.search(between) or _LAST_JOINED.search(between):
        return True
    return (_OR if is_weak else _AND_OR).match(marked, end, end + _FAR) is not None


def _is_relatives(cue: str, before: str, after: str) -> bool:
    """ "My mother has asthma" may ask for the mother, and "pregnant mother" is the patient."""
    if re.match(r"family|maternal|paternal", cue, re.I):
        return True
    whose = _WHOSE.search(before)
    if whose is None:
        return False
    if whose["begin"] is not None:
        return re.match(r":|\s+(?:had|died)\b", after) is not None
    return whose["my"] is None or re.match(r"\s+(?:has|is|takes|suffers|needs|and)\b", after) is None
