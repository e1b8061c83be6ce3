"""Sentences cut into clauses, each with what it inherits from the text around it: the words that claims are read from."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.knowledge import claim_cues as cues
from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention
from core.knowledge.sentences import Field, Role, Sentence

_JOINED = re.compile(r"\s*(?:,|and|or|,\s*(?:and|or)|/|as well as|plus)\s*(?:the\s+|an?\s+)?", re.I)

Run = tuple[tuple[Mention, Concept], ...]
"""Mentions of one kind joined by commas, "and" or "or"."""


class Clause(NamedTuple):
    """A part of a sentence that states one thing, with what it inherits: the role of its field, the diagnosis, the drugs just spoken of."""

    text: str
    low: str
    """The text in lower case."""
    mentions: tuple[Mention, ...]
    quote: str
    role: Role = ""
    topic: Concept | None = None
    carried: tuple[Concept, ...] = ()

    def runs(self, *kinds: Kind) -> list[Run]:
        runs: list[list[tuple[Mention, Concept]]] = []
        for mention in self.mentions:
            if concept := next((c for c in mention.concepts if c.kind in kinds), None):
                if runs and _JOINED.fullmatch(self.text, runs[-1][-1][0].end, mention.start):
                    runs[-1].append((mention, concept))
                else:
                    runs.append([(mention, concept)])
        return [tuple(run) for run in runs]


class Statement(NamedTuple):
    """A sentence that names a concept, with what the text around it gives: all that its claims depend on."""

    role: Role
    sentence: Sentence
    topic: Concept | None
    """The diagnosis that is in force; the first one stated, until another one is."""


def statements(text: Iterable[Field]) -> Iterator[Statement]:
    """Of a text that is read as fields."""
    parts = [(role, s, stated_diagnosis(role, s)) for role, s in text if s.mentions]
    topic = next((diagnosis for _, _, diagnosis in parts if diagnosis), None)
    for role, sentence, diagnosis in parts:
        topic = diagnosis or topic
        yield Statement(role, sentence, topic)


def clauses_of(statement: Statement) -> Iterator[Clause]:
    """A clause inherits the drugs of the one before it in its sentence."""
    role, sentence, topic = statement
    carried: tuple[Concept, ...] = ()
    for part, low, mentions in _split(sentence):
        clause = Clause(part, low, mentions, sentence.text[:300], role, topic, carried)
        yield clause
        if drugs := clause.runs(Kind.DRUG, Kind.CLASS):
            carried = tuple(c for _, c in drugs[0])


def _split(sentence: Sentence) -> Iterator[tuple[str, str, tuple[Mention, ...]]]:
    start, text = 0, _lowered(sentence.text)
    for end in (*cues.CLAUSE_END.finditer(text), None):
        stop = end.start() if end else len(text)
        if any(m.start < stop < m.end for m in sentence.mentions):  # the words are part of a name
            continue
        inside = tuple(m for m in sentence.mentions if start <= m.start < stop)
        if start:
            inside = tuple(m._replace(start=m.start - start, end=m.end - start) for m in inside)
        yield sentence.text[start:stop], text[start:stop], inside
        start = end.end() if end else stop


def _lowered(text: str) -> str:
    """In lower case where that keeps every offset; a few letters change their length."""
    low = text.lower()
    return low if len(low) == len(text) else text


def stated_diagnosis(role: Role, sentence: Sentence) -> Concept | None:
    """The condition that a sentence or field states to be the diagnosis."""
    cue = None
    if role != "diagnosis":
        text = _lowered(sentence.text)
        cue = cues.DIAGNOSIS.search(text)
        if cue is None or cues.DENIES.search(text):
            return None
    conditions = [(m.start, c) for m in sentence.mentions if (c := m.of_kind(Kind.CONDITION))]
    after = (c for start, c in conditions if cue is None or start >= cue.end())
    return next(after, conditions[0][1] if conditions else None)
