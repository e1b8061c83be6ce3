"""What a conversation says of the patient: the conditions, circumstances and current drugs that the clinical rules go by.

The rules fail closed, and so does this: a mention is the patient's unless its context surely says otherwise. A past condition is the
patient's too: a drug that a peptic ulcer rules out is ruled out by a history of one.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from core.knowledge import Knowledge, builtin
from core.knowledge.context import InContext, in_context
from core.knowledge.context_cues import Context
from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention
from core.knowledge.sentences import Sentence, sentences
from core.shorthand import with_findings
from core.types import Message

# What the context calls denied or someone else's is absent when nothing else stands between its cue and the mention, which is
# written as "§" here. A list that a word joins is covered; a bare comma may begin what is present ("no known allergies, pregnant").
_DEGREE = (
    r"(?:mild|moderate|severe|acute|chronic|active|recent|uncontrolled|untreated|decompensated|congenital|symptomatic|significant"
    r"|(?:first|second|third)[- ]degree|NYHA|class|stage|grade|I{1,3}|IV|V)"
)
_FILLER = (
    r"(?:known|history|evidence|signs?|of|any|an?|the|had|has|have|having|chance|possibility|been|taking|taken|take|took|takes|use|uses|using|on|to|for"
    r"|or other|diagnosed|with|drug|allerg(?:y|ies)|current|previous|past|in particular"
    rf"|{_DEGREE})"
)
_JOINS = rf"(?:\s*[,/]\s*|\s*,?\s*(?:n?or|and)\s+)(?:{_FILLER}\s+)*§+"
_CLOSE = re.compile(rf":?\s+(?:{_FILLER}\s+)*§+(?:{_JOINS})*", re.I)
_RELATED = re.compile(rf":?(?:\s+(?!(?:but|and|she|he)\b)[\w'’-]+){{0,4}}?\s+§+(?:{_JOINS})*", re.I)
_BARE_COMMA = re.compile(r"[,/]\s*(?!n?or\b|and\b)", re.I)
_LIST_GOES_ON = rf"(?:\s*[,/]\s*(?:{_FILLER}\s+)*§+)*,?\s*"
_OR, _AND_OR = (re.compile(rf"{_LIST_GOES_ON}(?:{word})\s+(?:{_FILLER}\s+)*§", re.I) for word in ("n?or", "n?or|and"))
_NOT_AND = re.compile(r"(?:no|not|never)$", re.I)  # "no asthma and gout" may tell of gout
_LAST_JOINED = re.compile(rf"(?:n?or|and)\s+(?:{_FILLER}\s+)*§+$", re.I)
# "No asthma attacks", "no asthma for two years": what does not happen lately is there all the same.
_ATTACKS = re.compile(
    r"\s+(?:attacks?|exacerbations?|flare\S*|episodes?|crises|crisis|admissions?|symptoms?|fits?|seizures?)\b|\s+since\s+\w"
    r"|\s+(?:for|in|over)\s+(?:(?:about|over|at|least|more|than|the|last|past|nearly|almost)\s+)*(?:(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|several"
    r"|many|some|few)\s+)*(?:years?|months?|weeks?|decades?)\b(?![\s-]old)",
    re.I,
)
_PREVENTED = re.compile(r"(?:vaccin|immuni[sz]ation|shot|screening)", re.I)
_BEFORE_CUE = re.compile(r"\s*(?:with(?:out)?\s+(?:an?\s+)?\w+\s+|(?:and|but)\s+(?:(?:she|he|they|the patient)\s+)?)?", re.I)
_WHOSE = re.compile(r"(?:\b(?:her|his|their|our|whose|patient['’]s)|\b(?P<my>my|your))\s+$|(?P<begin>^\W*)$", re.I)
_FAR = 300
# A drug that the user asks about is not yet one that the patient takes. A note says it by a heading, a verb, or by naming it beside the patient.
_AGED = r"\d{1,3}[\s-]?(?:years?[\s-]old|yrs?|yo|y/o|[FM])\b"
_TAKES = re.compile(
    r"\b(?:takes?|taking|took|receiv\w+|us(?:es|ing)|current(?:ly)?|med(?:s|ications?)|(?:drug|medication|rx) (?:history|hx)|treated with|prescribed"
    r"|started on"
    r"|(?:is|are|am|been|patient|pt|already|man|woman|female|male|lady|gentleman|boy|girl|child|she|he|[FM]) on|on (?:treatment|therapy|maintenance"
    r"|long[- ]term|regular|repeat)"
    r"|(?:anticoagulated|managed|controlled|maintained|medicated|immunosuppressed|rate[- ]controlled) (?:with|on|by)|anticoagula(?:tion|nt) (?:with|is)"
    r"|anticoagulated|(?=warfarini[sz]ed)"
    r"|(?:established|stable|maintained|stabili[sz]ed|kept|remains) on|regular(?:ly)?|repeats?|DH|D/H|rx)\b",
    re.I,
)
_ASKS = re.compile(
    r"\b(?:am i|can|could|may|should|shall|would|(?-i:Is)|what|which|how|planning|thinking|i (?:was|want|plan|propose)|going to|about to)\b", re.I
)
_WAS_STARTED = re.compile(
    r"\W+(?:was |were )?(?:started|added|commenced|introduced|restarted|increased|stopped|discontinued) (?:\w+ )?(?:last|this|yesterday|today|on|in|by|\d"
    r"|an?|two|three)\b",
    re.I,
)
_IS_ON = re.compile(
    r"\b(?!advice|info|information|guidance|questions?|teaching|notes?|lecture|leaflet|paper|talk|basics|warning|sentence|update|facts?|views?|based"
    r"|depends?|summary|evidence|report)\w+ on\s+$",
    re.I,
)
# "On warfarin. Which antibiotic?", "AF, on warfarin": at the beginning of a clause, and the drug beside it ("§").
_ON = re.compile(r"(?:^|[,:(–—-])\W*(?:(?:also|still|now|already)\s+)?on\s+(?:(?:regular|long[- ]term|oral|daily|low[- ]dose|both|an?|her|his)\s+)*(?=§)", re.I)
_IS_OF_PATIENT = re.compile(rf"\b{_AGED}", re.I)
_PROPOSES = re.compile(
    r"\?|\b(?:giv\w+|start|starting|prescribe|prescribing|use|add|adding|propos\w+|plan\w*|thinking|consider\w*|want\w*|like to|going to|about to|try"
    r"|switch\w*|offer"
    r"|recommend\w*|suggest\w*|can|could|may|should|shall|would|which|what|how|dos(?:e|es|ing|age)|needs?|for|declin\w+|refus\w+|tolerat\w+)\b",
    re.I,
)
# A drug is over when it was stopped long ago; one stopped lately may still act, and counts. A pregnancy is over with any word of the past.
_LONG_AGO = re.compile(
    r"\b(?:years? ago|years? (?:before|earlier)|last year|in (?:19|20)\d\d|long (?:time )?ago|(?:[6-9]|1\d|\d\d|six|nine|twelve|eighteen) months ago"
    r"|as a child|in childhood)\b",
    re.I,
)
_REFUTED = re.compile(
    r"\bde-?label\w*|\blabel (?:was |has been )?removed|\bnegative (?:\w+ )?(?:challenge|skin test|test)|\bdisprov\w+|\b(?:ruled out|excluded) by\b", re.I
)


def patient_concepts(messages: Sequence[Message], knowledge: Knowledge) -> tuple[Concept, ...]:
    """What the user says of the patient: conditions, contexts and current drugs, present or past, that are neither denied nor a relative's."""
    concepts: dict[str, Concept] = {}
    for message in messages:
        if message.role != "user":
            continue
        said = sentences(message.content, knowledge)
        for sentence, following in zip_longest(said, said[1:]):
            told = _told(with_findings(sentence, knowledge), following.text if following else "")
            for found in in_context(told.text, told.mentions):
                is_taken = _is_taken(told, found.mention)
                meant = [c for c in _meant(found.mention, knowledge) if c.kind is not Kind.DRUG or is_taken]
                if meant and not _is_absent(found, told):
                    concepts |= {c.id: c for c in meant}
    return tuple(concepts.values())


class _Told(NamedTuple):
    """A sentence of the user with what holds for all of it, read once."""

    text: str
    mentions: tuple[Mention, ...]
    marked: str
    """The text with "§" for each letter of a mention."""
    takes_from: int
    """Where drugs that are taken begin; past the end where the sentence says nothing of taking."""
    takes_until: int
    is_long_ago: bool
    is_refuted: bool


def _told(sentence: Sentence, following: str) -> _Told:
    text, marked = sentence.text, list(sentence.text.replace("§", " "))
    for mention in sentence.mentions:
        marked[mention.start : mention.end] = "§" * (mention.end - mention.start)
    begin, end = len(text), len(text)
    on, taken = _ON.search("".join(marked)), _TAKES.search(text)
    if takes := min((found for found in (on, taken) if found), key=re.Match.end, default=None):
        asks = _ASKS.search(text, takes.end())
        begin, end = takes.end(), asks.start() if asks else end
    elif (patient := _IS_OF_PATIENT.search(text)) and not _PROPOSES.search(text):
        begin = patient.end()
    return _Told(
        text, sentence.mentions, "".join(marked), begin, end, _LONG_AGO.search(f"{text} {following[:_FAR]}") is not None, _REFUTED.search(text) is not None
    )


def _is_taken(told: _Told, drug: Mention) -> bool:
    if told.takes_from <= drug.start < told.takes_until or _WAS_STARTED.match(told.text, drug.end):
        return True
    return _IS_ON.search(told.text[max(0, drug.start - 40) : drug.start]) is not None


def _meant(mention: Mention, knowledge: Knowledge) -> Iterator[Concept]:
    """What is named, and what the built-in base finds in a longer name that was imported: what melanoma rules out is ruled out by "uveal
    melanoma" too, though the ontology does not put the one below the other.
    """
    base = builtin().linker
    for named in (mention, *(base.mentions(mention.text) if knowledge.linker is not base else ())):
        concept = named.of_kind(Kind.CONTEXT, Kind.CONDITION, Kind.DRUG)
        if concept and concept.id in knowledge.graph.concepts:
            yield knowledge.graph.concepts[concept.id]


def _is_absent(found: InContext, told: _Told) -> bool:
    """Whether the mention is surely not the patient's. In doubt, and when it is history, it is."""
    cue_start, cue_end = found.cue
    end = found.mention.end
    concept = found.mention.of_kind(Kind.CONTEXT, Kind.CONDITION, Kind.DRUG)
    if concept and concept.group == "allergy" and told.is_refuted:
        return True
    if found.context is Context.HISTORICAL:
        return concept is not None and (concept.group == "pregnancy" or (concept.kind is Kind.DRUG and told.is_long_ago))
    if found.context is Context.AFFIRMED or end - cue_end > _FAR:
        return False
    marked = told.marked
    cue, between = marked[cue_start:cue_end], marked[cue_end:end]
    if cue_start >= end:  # "asthma was ruled out", "flu vaccine", "heart block without a pacemaker has been excluded"
        return _BEFORE_CUE.fullmatch(marked[end:cue_start]) is not None and (found.context is Context.NEGATED or _PREVENTED.match(cue) is not None)
    if concept and concept.kind is Kind.CONDITION and found.context is Context.NEGATED and _ATTACKS.match(told.text, end):
        return False
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
