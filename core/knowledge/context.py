"""Whether a text says that the patient has what it mentions: the ConText algorithm over the linker's mentions.

A cue ("denies", "history of", "mother", "if") gives its context to the mentions after it, or before it, as far as a word that ends its
scope ("but", "presents with") or the end of the sentence. Of overlapping cues the longest counts, and so "no increase" and "not only", which
are cues of nothing, hide the "no" in them. Chapman et al. 2001 (NegEx), Harkema et al. 2009 (ConText); the lists are our own and smaller, written
with those of NegEx and medspaCy at hand, and made for notes and for conversations ("Patient: no, I haven't had any chest pain").

Left out: the answer to a question (what a doctor asks is hypothetical, whatever the patient answers), and who "she" is.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import ahocorasick_rs

from core.knowledge.context_cues import CUES, Context, Role, phrases
from core.knowledge.graph import Kind
from core.knowledge.linker import Mention
from core.knowledge.pieces import PIECES, cut


class InContext(NamedTuple):
    mention: Mention
    context: Context
    cue: tuple[int, int]
    """Where the words stand that say so; (0, 0) for affirmed."""


_END, _ASKED, _COMMA, _COLON = "\x01", "\x02", "\x03", "\x04"
"""Characters for what ends a sentence, a question mark, a comma, a colon."""
_CONNECTED = re.compile(r"\s*(?:,|/|and|or|,\s*(?:and|or))\s*", re.I)
# "When did the pain begin?" takes the pain for granted, "when you walk, do you have pain?" does not; and "no fever, right?" is a statement.
_PRESUPPOSES = re.compile(r"\b(?:how|when|where|why|what|which|who)\b(?! about)", re.I)
_ENQUIRES = re.compile(
    r"\bany\b|\b(?:do|does|did|have|has|are|is) (?:you|he|she|they|there|your \w+) (?:\w+ )?"
    r"(?:have|had|having|feel|feeling|notice\w*|experienc\w+|get|getting|been|on|taking)\b",
    re.I,
)
_TAG = re.compile(r"\b(?:right|correct|huh|okay|isn['’]t it|don['’]t you)$", re.I)
_HEADING = re.compile(r"[A-Z][A-Z &/,]{3,}:?|[\w &/]{3,40}:")
_FAMILY = re.compile(r"family (?:history|hx)", re.I)
# "History of" what happens and is over is history; of anything else the condition is still there.
_EPISODE = re.compile(
    r"stroke|attack|infarct|embol|thrombosis|pneumonia|sinusitis|otitis|pharyngitis|tonsillitis|gastroenteritis|influenza|covid|fracture|stone|lithiasis|appendicitis|cholecystitis|pancreatitis|cellulitis|abscess|sepsis|meningitis|infection|bleed|haemorrhage"
    r"|hemorrhage|concussion|cancer|carcinoma|melanoma|lymphoma|measles|mumps|chickenpox|varicella|ulcer|eclampsia|pregnancy|syncope|jaundice|anaphyla|tuberculosis|bronchitis",
    re.I,
)
_ADJECTIVE = re.compile(r"previous|prior|past|former|remote", re.I)
_WEAK = re.compile(r".*(?:history|hx|pmh|h/o|ago|age|last|in \d|before|earlier)", re.I)
_LONG_AGO = re.compile(r"years?|a long", re.I)
_DENIAL = re.compile(r"(?:no|not|never|without|denie[sd])\b", re.I)
_BETWEEN = re.compile(r"[\s,./&]*(?:\b(?:and|or|also|with)\b[\s,./&]*)*", re.I)
_ENQUIRY = re.compile(r"(?:have|has|had|do|does|did|are|is) (?:you|he|she)\b", re.I)


class _Cue(NamedTuple):
    start: int
    end: int
    role: Role
    context: Context


class _Cues(dict[str, str]):
    """The automaton over the words of all cues: one character for a piece of text, and of overlapping cues the longest."""

    def __init__(self) -> None:
        super().__init__()
        meant = {phrase: (role, context) for role, context, line in CUES for phrase in phrases(line)}
        meant |= {phrase.replace("n't", " n't"): meaning for phrase, meaning in meant.items() if "n't" in phrase}  # "do n't", as tokenised text has it
        self._letters = {w: chr(0x100 + n) for n, w in enumerate(sorted({w for p in meant for w in PIECES.findall(p) if w[0].isalnum()}))}
        self.meaning = [*meant.values(), (Role.COMMA, Context.AFFIRMED)]
        self.sentence_end = len(self.meaning)  # the number after it: a question's
        patterns = ["".join(map(self.__getitem__, PIECES.findall(p))) for p in meant]
        self._automaton = ahocorasick_rs.AhoCorasick([*patterns, _COMMA, _END, _ASKED], matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)

    def find(self, pieces: list[str]) -> list[tuple[int, int, int]]:
        if len(self) > 200_000:
            self.clear()
        return self._automaton.find_matches_as_indexes("".join(map(self.__getitem__, pieces)))

    def __missing__(self, piece: str) -> str:
        word = piece.lower().replace("’", "'")
        letter = self._letters.get(word) or self._letters.get(word.removesuffix("'s"), "\x00") if piece[0].isalnum() else _punctuation(piece)
        if len(piece) < 64:
            self[piece] = letter
        return letter


def _punctuation(piece: str) -> str:
    if "?" in piece:
        return _ASKED
    if "\n" in piece or (set(piece) & set(".!;") and len(piece) > 1):
        return _END
    return _COLON if ":" in piece else _COMMA if "," in piece else "/" if "/" in piece else " "


_ALL = _Cues()


def in_context(text: str, mentions: Sequence[Mention]) -> tuple[InContext, ...]:
    """`mentions`, which are those of `text`, each with its context and the cue that gives it."""
    if not mentions:
        return ()
    pieces, ends = cut(text)
    found: list[InContext] = []
    hits: list[tuple[int, int, int]] = []
    section: _Cue | None = None
    begin = following = 0
    for hit in (*_ALL.find(pieces), (_ALL.sentence_end, len(pieces), len(pieces))):
        number, first, last = hit
        if number < _ALL.sentence_end:
            hits.append(hit)
            continue
        here = following
        while following < len(mentions) and mentions[following].start < ends[last]:
            following += 1
        if following > here or (hits and _FAMILY.search(text, begin, ends[first])) or section is not None:
            cues = [_Cue(ends[f], ends[t], *_ALL.meaning[n]) for n, f, t in hits]
            is_line = last == len(pieces) or "\n" in pieces[first]
            if section is not None and section.role is Role.COMMA and not _is_list(text, begin, ends[first], mentions[here:following]):
                section = None
            if following > here:
                found += _read(text, begin, ends[first], cues, mentions[here:following], number > _ALL.sentence_end, section)
            section = _section(text[begin : ends[first]], cues, is_line, section)
        hits, begin = [], ends[last]
    return tuple(found)


def _section(sentence: str, cues: list[_Cue], is_line: bool, section: _Cue | None) -> _Cue | None:
    """What a heading says of the lines under it ("FAMILY HISTORY"), and "Family history:" of the bare lists on the rest of its line."""
    stripped = sentence.strip()
    if is_line and _HEADING.fullmatch(stripped):
        return next((c for c in cues if c.role is Role.BEFORE and c.context is Context.OTHER), None) if _FAMILY.search(stripped) else None
    if not is_line and cues and _FAMILY.match(stripped) and ":" in stripped:
        return cues[0]._replace(role=Role.COMMA)
    return None if is_line and section is not None and section.role is Role.COMMA else section


def _is_list(text: str, begin: int, end: int, mentions: Sequence[Mention]) -> bool:
    """Whether a sentence is nothing but its mentions ("Gout and asthma.")."""
    starts, ends = [m.start for m in mentions], [m.end for m in mentions]
    return all(_BETWEEN.fullmatch(text, a, max(a, b)) for a, b in zip([begin, *ends], [*starts, end], strict=True))


def _read(text: str, begin: int, end: int, cues: list[_Cue], mentions: Sequence[Mention], is_question: bool, section: _Cue | None) -> Iterator[InContext]:
    """One sentence. `given` collects for each mention what applies to it; the weightiest counts."""
    given: list[list[tuple[Context, tuple[int, int]]]] = [[] for _ in mentions]
    if section is not None:
        given = [[(Context.OTHER, section[:2])] for _ in mentions]
    sentence = text[begin:end]
    presupposes = _PRESUPPOSES.search(sentence) is not None and not _ENQUIRES.search(sentence)
    if is_question and not _TAG.search(sentence) and not presupposes:
        for contexts in given:
            contexts.append((Context.HYPOTHETICAL, (end, end + 1)))
    active: dict[Context, _Cue] = {}
    position = run = 0
    for cue in (*cues, _Cue(end, end, Role.COMMA, Context.AFFIRMED)):
        while position < len(mentions) and mentions[position].start <= cue.start:
            mention = mentions[position]
            if not position or not _CONNECTED.fullmatch(text, mentions[position - 1].end, mention.start):
                run = position
            given[position] += [(c, a[:2]) for c, a in active.items() if _applies(mention, text, a)]
            position += 1
        if position and cue.start < mentions[position - 1].end:
            continue  # the cue is a word of a name: "no periods"
        if presupposes and _ENQUIRY.match(text, cue.start):
            continue  # "what have you taken for the pain?"
        if cue.role is Role.BEFORE or (cue.role is Role.AROUND and position == run):
            active[cue.context] = cue
        elif cue.role is Role.STOP or cue.role is Role.PATIENT:
            active = {c: a for c, a in active.items() if c is Context.OTHER and cue.role is Role.STOP}
            run = position
        elif cue.role is Role.COMMA:
            if (no := active.get(Context.NEGATED)) and no.end == cue.start:  # "No, it hurts"
                del active[Context.NEGATED]
            if (once := active.get(Context.HISTORICAL)) and _ADJECTIVE.match(text, once.start):
                del active[Context.HISTORICAL]
        elif cue.role in (Role.AFTER, Role.AROUND) and position > run:
            between = text[mentions[position - 1].end : cue.start]
            if len(between) < 40 and (cue.context is not Context.HYPOTHETICAL or not between.strip()):
                for number in range(run, position):
                    if _applies(mentions[number], text, cue):
                        given[number].append((cue.context, cue[:2]))
    for mention, contexts in zip(mentions, given, strict=True):
        if any(c is Context.NEGATED and _DENIAL.match(text, *at) for c, at in contexts):  # "she is not pregnant, what may I give?"
            contexts = [(c, at) for c, at in contexts if text[at[0] : at[1]].strip() != "?"]
        if any(
            c is Context.NEGATED and at[0] >= mention.end for c, at in contexts
        ):  # the result of a test outweighs the test: "tested for gout, was ruled out"
            contexts = [(c, at) for c, at in contexts if c is not Context.HYPOTHETICAL]
        context, cue_at = max(contexts, key=lambda c: _WEIGHT[c[0]], default=(Context.AFFIRMED, (0, 0)))
        yield InContext(mention, context, cue_at)


_WEIGHT = {context: weight for weight, context in enumerate(Context)}


def _applies(mention: Mention, text: str, cue: _Cue) -> bool:
    if cue.context is Context.HISTORICAL and _WEAK.match(text, cue.start, cue.end):
        if mention.of_kind(Kind.CONDITION):
            return any(_EPISODE.search(c.label) for c in mention.concepts)
        return not mention.of_kind(Kind.SYMPTOM) or _LONG_AGO.match(text, cue.start) is not None
    # A negative test is a test that was done.
    return not (cue.context is Context.NEGATED and cue.role is Role.AFTER and mention.of_kind(Kind.INVESTIGATION))
