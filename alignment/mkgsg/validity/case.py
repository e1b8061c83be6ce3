"""What an item says, read once: its question, its reply, and which concepts belong to its case.

A validator that asked each rule to read the text anew would spend its time reading; the reading of a reply is kept, as reference replies
repeat across the wordings of a case.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.knowledge import Knowledge
from core.knowledge.claims import claims_of
from core.knowledge.clauses import Statement, statements
from core.knowledge.dosing import dosed
from core.knowledge.graph import Graph, Kind
from core.knowledge.linker import Linker, Mention
from core.knowledge.presented import presented_symptoms
from core.knowledge.quantities import amounts
from core.knowledge.sentences import Field, Role, Sentence, fields
from core.reply import Reply, split_reply
from core.types import Claim, Relation, TrainingSample, Verdict

KEPT = 8192
"""Texts of which the reading is kept: about 30 MB."""
KEPT_SENTENCES = 32_768
"""Sentences whose claims are kept, about 50 MB: reference replies are made of the graph's facts, and those are so many."""


class RememberingLinker(Linker):
    """A linker that keeps the mentions of the texts it saw last: a validator asks for those of one text many times over."""

    def __init__(self, linker: Linker) -> None:
        self._remembered = lru_cache(maxsize=KEPT)(linker.mentions)

    def mentions(self, text: str) -> tuple[Mention, ...]:
        return self._remembered(text)


@lru_cache(maxsize=2)
def remembering(knowledge: Knowledge) -> Knowledge:
    return Knowledge(knowledge.graph, RememberingLinker(knowledge.linker))


class Reading(NamedTuple):
    """A reply as it is read."""

    reply: Reply
    sentences: tuple[Sentence, ...]
    """Of thinking and answer."""
    claims: tuple[Claim, ...]
    said: frozenset[str]
    """Ends of the supported claims."""
    has_loose_amount: bool
    """An amount whose drug cannot be read."""
    answer: tuple[Field, ...]
    """The answer as fields."""


@lru_cache(maxsize=KEPT)
def read_reply(text: str, knowledge: Knowledge) -> Reading:
    reply = split_reply(text)
    read: list[Sentence] = []
    claims: list[Claim] = []
    parts: tuple[Field, ...] = ()
    for part in filter(None, reply):
        parts = tuple(fields(part, knowledge))
        read += [f.sentence for f in parts]
        for role, sentence, topic in statements(parts):
            claims += _claims_of(role, sentence.text, topic.id if topic else "", knowledge)
    said = frozenset(end for c in claims if c.verdict is Verdict.SUPPORTED for end in (c.subject, c.object))
    is_loose = any(_has_loose_amount(s.text, knowledge) for s in read)
    return Reading(reply, tuple(read), tuple(claims), said, is_loose, parts if reply.answer else ())


@lru_cache(maxsize=KEPT_SENTENCES)
def _claims_of(role: Role, sentence: str, topic: str, knowledge: Knowledge) -> tuple[Claim, ...]:
    """Sentences repeat more often than replies do."""
    graph = knowledge.graph
    statement = Statement(role, Sentence(sentence, knowledge.linker.mentions(sentence)), graph.concept(topic) if topic else None)
    return tuple(claims_of(statement, graph))


@lru_cache(maxsize=KEPT_SENTENCES)
def _has_loose_amount(sentence: str, knowledge: Knowledge) -> bool:
    found = list(amounts(sentence))
    return bool(found) and len(found) > len(list(dosed(Sentence(sentence, knowledge.linker.mentions(sentence)))))


@lru_cache(maxsize=KEPT)
def concept_ids(text: str, knowledge: Knowledge) -> frozenset[str]:
    return frozenset(c.id for m in knowledge.linker.mentions(text) for c in m.concepts)


class Asked(NamedTuple):
    """The question as it is read."""

    text: str
    mentions: tuple[Mention, ...]
    ids: frozenset[str]

    @property
    def symptoms(self) -> tuple[Mention, ...]:
        """Named, whether the patient has them or not."""
        return tuple(m for m in self.mentions if m.of_kind(Kind.SYMPTOM))

    @property
    def presenting(self) -> tuple[Mention, ...]:
        """Symptoms that the patient is said to have."""
        return presented_symptoms(self.text, self.mentions)


def read_question(sample: TrainingSample, knowledge: Knowledge) -> Asked:
    """Concepts of all messages; symptoms only of the last one, as it is the one that is answered."""
    last = sample.messages[-1].content
    mentions = knowledge.linker.mentions(last)
    ids = {c.id for m in mentions for c in m.concepts}.union(*(concept_ids(m.content, knowledge) for m in sample.messages[:-1]))
    return Asked(last, mentions, frozenset(ids))


def case_of(sample: TrainingSample, asked: Asked) -> frozenset[str]:
    """Every concept that the item is about: asked, of the patient, on the path, or the answer."""
    reference = sample.reference
    return asked.ids.union(sample.patient, reference.forbidden, *reference.concepts, (s.subject for s in sample.steps), (s.object for s in sample.steps))


def are_linked(graph: Graph, concept: str, others: frozenset[str], relations: frozenset[Relation] | None = None) -> bool:
    """Whether a fact joins the concept with one of the others, whichever way round."""
    near = _neighbours(graph).get(concept, {})
    if near.keys().isdisjoint(others):
        return False
    return relations is None or any(relations & found for other, found in near.items() if other in others)


@lru_cache(maxsize=1)
def _neighbours(graph: Graph) -> Mapping[str, Mapping[str, set[Relation]]]:
    near: dict[str, dict[str, set[Relation]]] = defaultdict(lambda: defaultdict(set))
    for fact in graph.facts:
        near[fact.subject][fact.object].add(fact.relation)
        near[fact.object][fact.subject].add(fact.relation)
    return near


class Case(NamedTuple):
    """One item under validation, read."""

    sample: TrainingSample
    text: str
    reading: Reading
    asked: Asked
    ids: frozenset[str]
    knowledge: Knowledge

    @property
    def answer(self) -> str:
        return self.reading.reply.answer


def is_any(mention: Mention, ids: frozenset[str] | Sequence[str]) -> bool:
    return any(c.id in ids for c in mention.concepts)


def read_case(sample: TrainingSample, completion: str, knowledge: Knowledge) -> Case:
    remembered = remembering(knowledge)
    asked = read_question(sample, remembered)
    return Case(sample, completion, read_reply(completion, remembered), asked, case_of(sample, asked), remembered)
