"""Real generated items with their reference replies, and honest replies to them that are right in part.

Right in part: the right answer without its reason, without its sources, without the form asked for, without the safety-net, with one step of
the reasoning left out or wrong, or with one of two things asked for wrong. What an attack on the scorers must not score above.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

from alignment.mkgsg.draft import Written
from alignment.mkgsg.pipeline import Books, generate
from alignment.mkgsg.source import enumerate_cases, families_of
from core.knowledge import Knowledge
from core.knowledge.citations import without_citations
from core.knowledge.graph import Concept
from core.reply import END_THINK, THINK, split_reply
from core.types import Item, content_hash
from evals.scorers.format import passes
from evals.scorers.naming import asked_about

NET = "seek medical help at once if it gets worse"


class Answered(NamedTuple):
    """An item with its reference reply."""

    item: Item
    reply: str
    knowledge: Knowledge

    @property
    def question(self) -> str:
        return self.item.messages[-1].content

    @property
    def thinking(self) -> str:
        return split_reply(self.reply).thinking

    @property
    def answer(self) -> str:
        return split_reply(self.reply).answer

    @property
    def named(self) -> tuple[str, ...]:
        """Labels of everything wanted that the reference reply names: several where several were asked for."""
        wanted = {i for group in self.item.reference.concepts for i in group}
        said = [c.id for m in self.knowledge.linker.mentions(self.answer) for c in m.concepts]
        return tuple(dict.fromkeys(self.knowledge.graph.label(i) for i in said if i in wanted))

    @property
    def right(self) -> tuple[str, ...]:
        """Labels of what the reference reply names of each group asked for."""
        said = [c.id for m in self.knowledge.linker.mentions(self.answer) for c in m.concepts]
        return tuple(self.knowledge.graph.label(next((i for i in said if i in group), group[0])) for group in self.item.reference.concepts)

    @property
    def asks_for_what_not_to_give(self) -> bool:
        """Then "never X" names X."""
        graph, wanted = self.knowledge.graph, {i for group in self.item.reference.concepts for i in group}
        asked = asked_about(self.item, self.knowledge)
        return any(graph.interaction(a, w) or graph.contraindication(a, w) for a in asked for w in wanted)

    def wrong(self, label: str, number: int = 0) -> str:
        """Another concept of the kind, which neither the question nor the answer has to do with, and which does not harm the patient."""
        graph, patient = self.knowledge.graph, self.item.patient
        right = next(c for c in graph.concepts.values() if graph.label(c.id) == label)
        texts = (self.question, self.reply, *self.item.evidence)
        near = {c.id for text in texts for m in self.knowledge.linker.mentions(text) for c in m.concepts}
        near |= {i for g in (*self.item.reference.concepts, self.item.reference.forbidden, self.item.patient) for i in g}
        other = (c.id for c in _shuffled(self.knowledge, right.kind) if c.id not in near)
        safe = (graph.label(i) for i in other if not any(graph.contraindication(i, p) or graph.interaction(i, p) for p in patient))
        return next(islice(safe, number, None))

    def with_thinking(self, answer: str, thinking: str | None = None) -> str:
        thinking = self.thinking if thinking is None else thinking
        return f"{THINK} {thinking} {END_THINK} {answer}" if thinking else answer

    def swapped(self, old: str, new: str) -> str:
        """The reference answer with one name replaced, in capitals where it was."""
        return re.sub(re.escape(old), lambda m: new.upper() if m[0].isupper() and len(m[0]) > 3 else new, self.answer, flags=re.I)

    def in_form(self, text: str) -> str:
        """The text as every field, line or section of the form that the item asks for; where that is another, as it is."""
        for check in self.item.checks:
            keys, titles = check.args.get("keys"), check.args.get("titles")
            if isinstance(keys, list):
                return json.dumps(dict.fromkeys(keys, text), ensure_ascii=False)
            if isinstance(titles, list):
                return "\n".join(f"{title}: {' '.join(text.split())}" for title in titles)
            if check.kind == "all_caps":
                return text.upper()
            if check.kind == "starts_with":
                return f"{check.args['text']} {text}"
            if check.kind == "ends_with":
                return f"{text} {check.args['text']}"
        return text


@cache
def _shuffled(knowledge: Knowledge, kind: str) -> tuple[Concept, ...]:
    return tuple(sorted((c for c in knowledge.graph.concepts.values() if c.kind == kind), key=lambda c: content_hash(c.id)))


@cache
def answered(knowledge: Knowledge, per_family: int) -> tuple[Answered, ...]:
    """Items of every family, the starter's and the wide ones, asked closed book and open, some of the latter without the answer."""
    cases = enumerate_cases(knowledge.graph, ("wide",))
    counts = {c: per_family * len(families) for c, families in families_of(("wide",)).items()}

    def written(open_share: float, lacking: float, seed: int) -> Iterator[Written]:
        return generate(knowledge, counts, seed=seed, cases=cases, books=Books(open=open_share, lacking=lacking))

    both = (*written(0.0, 0.0, 31), *written(1.0, 0.25, 32))
    return tuple(Answered(w.sample, w.completion, knowledge) for w in both)


def partly_right(bed: Answered) -> dict[str, str]:
    """Honest replies with the right answer, and something missing besides. None of them names a wrong answer."""
    item, thinking, answer = bed.item, bed.thinking, bed.answer
    found = {}
    if thinking and item.steps:
        found["no reason"] = answer
        sentences = _sentences(thinking)
        for number, sentence in enumerate(sentences):
            if len(sentences) > 1:
                found[f"step {number} left out"] = bed.with_thinking(answer, " ".join(s for s in sentences if s != sentence))
    if item.evidence and without_citations(bed.reply) != bed.reply:
        found["no sources"] = without_citations(bed.reply)
    if item.checks and (prose := _prose(bed)) and not any(passes(c, prose) for c in item.checks):
        found["no form"] = bed.with_thinking(prose)
    if item.reference.kind == "urgent":
        found["no reason"] = "Call emergency services."
    return found


def half_right(bed: Answered) -> dict[str, str]:
    """Honest replies of which half is wrong: one of two things asked for, or one step of the reasoning."""
    item, thinking, right = bed.item, bed.thinking, bed.right
    found = {}
    if len(right) > 1:
        found["one thing wrong"] = bed.with_thinking(bed.swapped(right[-1], bed.wrong(right[-1])))
    if thinking and item.steps:
        label = bed.knowledge.graph.label(item.steps[0].subject)
        first, *rest = _sentences(thinking)
        spoilt = re.sub(re.escape(label), bed.wrong(label), first, flags=re.I)
        if spoilt != first and rest:
            found["first step wrong"] = bed.with_thinking(bed.answer, " ".join((spoilt, *rest)))
    return found


def _prose(bed: Answered) -> str:
    """All that the reference reply says, in sentences."""
    for check in bed.item.checks:
        titles = check.args.get("titles")
        if check.kind in ("json_keys", "json_schema"):
            said = (f"stop {value}" if key == "stop" else str(value) for key, value in json.loads(bed.answer).items())
            return f"It is so: {'; '.join(said)}. Please check this."
        if isinstance(titles, list):
            return (
                f"It is so: {re.sub('|'.join(rf'{re.escape(t)}:' for t in titles), lambda m: 'Stop' if m[0] == 'Stop:' else '', bed.answer)} Please check this."
            )
    match bed.item.reference.kind:
        case "concepts":
            return f"Here it would be {' and '.join(bed.right)}; {NET}. Please check this."
        case "dose":
            return f"Here it would be {bed.item.reference.low:g} {bed.item.reference.unit}. Please check this."
        case _:
            return ""


def _sentences(thinking: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\s+|\n+", thinking) if s.strip()]
