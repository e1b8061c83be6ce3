"""Wording by a teacher model behind an OpenAI-compatible endpoint. It words; it does not decide.

The grammar writes the item, so that question, answer, checks and reasoning come from the graph. The teacher is given the facts and both
texts and rewords question and answer. Its text must name the same concepts of the same patient, answer right, keep the form that was asked
for, and pass the validation that every item passes. What it sends instead is counted by its reason and asked for again, a bounded number
of times; an item that stays wrong is dropped. An endpoint that stays away ends the run, which can be gone on with later.
"""

import json
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from alignment.injection import SPEAKS_TO_A_MODEL
from alignment.mkgsg.endpoint import Answer, Endpoint, Question, failure, json_of
from alignment.mkgsg.generate import Written
from alignment.mkgsg.validate import reject_reason
from core.errors import Unavailable
from core.knowledge import Knowledge
from core.knowledge.presented import presenting
from core.reply import END_THINK, split_reply
from core.safety import patient_concepts
from core.types import Message
from core.urgency import plays_down
from evals.scorers import score_reply

TRIES = 3
"""How often the teacher is asked about one item."""
CHUNK = 32
_AWAY = 4
"""After so many rounds of asking in which nothing came back at all, the endpoint is away."""
_LONGEST = 4_000
"""Characters of a question or an answer."""

_SYSTEM = (
    "You reword clinical training questions. You get facts, a question and its right answer as JSON. Write the question as a clinician might put it "
    "and the answer as a careful colleague might give it, in other words. Keep every clinical finding, drug, number and unit, add none, and keep the "
    "last sentence of the question word for word, with the form of the answer that it asks for. Do not give the answer away in the question. "
    'Reply with JSON alone: {"question": "...", "answer": "..."}'
)
# Text of this kind in a training item teaches obedience to whoever writes it into a note.
_INJECTION = re.compile(
    SPEAKS_TO_A_MODEL + r"|\byou are (?:now|chatgpt|an ai|a language model)\b|\bas an ai\b|\bnew instructions?\b"
    r"|<\|?/?(?:think|s|script)\b|https?://|```",
    re.I,
)
_NUMBER = re.compile(r"\d+")
_PERSON = tuple(re.compile(rf"\b(?:{words})\b", re.I) for words in ("woman|girl|lady|female", "man|boy|gentleman|male", "boy|girl|child|infant|toddler"))
_SENTENCE_END = re.compile(r"(?<=[.?!:])\s+|\n+")


def teacher_endpoint(url: str, model: str, watch: Callable[[], None] = lambda: None) -> Endpoint:
    """The endpoint with the key that TEACHER_API_KEY holds; none is sent to one that needs none."""
    return Endpoint.at(url, model, api_key=os.environ.get("TEACHER_API_KEY") or "none", watch=watch)


class _Words(NamedTuple):
    question: str
    answer: str


class Teacher:
    """Rewords items. `Endpoint.model` is named in the provenance of each."""

    def __init__(self, endpoint: Endpoint, knowledge: Knowledge, *, temperature: float = 0.9, max_tokens: int = 800, rest_seconds: float = 2.0) -> None:
        self._endpoint, self._knowledge = endpoint, knowledge
        self._options = {"temperature": temperature, "max_tokens": max_tokens}
        self._rest_seconds = rest_seconds
        self._silent = 0

    @property
    def model(self) -> str:
        return self._endpoint.model

    def reword(self, items: Sequence[Written]) -> list[Written | str]:
        """Each item in the teacher's words, or the reason why it has none.

        Raises Unavailable when nothing came back several times in a row, NotFound for an unknown model.
        """
        results: list[Written | str] = ["teacher_unasked"] * len(items)
        for attempt in range(TRIES):
            left = [i for i, result in enumerate(results) if isinstance(result, str)]
            if not left:
                break
            answers = self._endpoint.ask([self._question(items[i], attempt, results[i]) for i in left])
            for i, answer in zip(left, answers, strict=True):
                results[i] = self._reworded(items[i], answer)
            self._note_silence(answers)
        return results

    def _note_silence(self, answers: Sequence[Answer]) -> None:
        if not all(isinstance(a.error, Unavailable) for a in answers):
            self._silent = 0
            return
        self._silent += 1
        if self._silent == _AWAY:
            raise Unavailable(f"The teacher {self.model} stayed away {_AWAY} times in a row: {answers[-1].error}")
        self._endpoint.rest(self._rest_seconds * 2 ** (self._silent - 1))

    def _question(self, item: Written, attempt: int, last: Written | str) -> Question:
        graph = self._knowledge.graph
        edges = (graph.fact(s.subject, s.relation, s.object) for s in item.sample.steps)
        facts = [graph.sentence(f) for f in edges if f is not None]
        skeleton = {"facts": facts, "question": item.sample.messages[-1].content, "answer": split_reply(item.completion).answer}
        if attempt and isinstance(last, str):
            skeleton["refused_before_because"] = last
        messages = (Message(role="system", content=_SYSTEM), Message(role="user", content=json.dumps(skeleton, ensure_ascii=False)))
        return Question(messages, self._options | {"seed": attempt})

    def _reworded(self, item: Written, answer: Answer) -> Written | str:
        if answer.error is not None:
            return f"teacher_{failure(answer.error)}"
        words = _read(answer)
        return words if isinstance(words, str) else self._checked(item, words)

    def _checked(self, item: Written, words: _Words) -> Written | str:
        sample = item.sample
        asked = (*sample.messages[:-1], Message(role="user", content=words.question))
        if _INJECTION.search(words.question) or _INJECTION.search(words.answer):
            return "teacher_injection"
        if reason := self._changed_case(sample.messages, asked):
            return reason
        if _reassures(sample.messages[-1].content, words.question) or _reassures(split_reply(item.completion).answer, words.answer):
            return "teacher_reassures"
        if sample.checks and _last_sentence(sample.messages[-1].content) not in words.question:
            return "teacher_lost_instruction"
        origin = sample.provenance
        reworded = sample.model_copy(update={"messages": asked, "provenance": origin.model_copy(update={"generator": f"{origin.generator}+{self.model}"})})
        thought, tag, _ = item.completion.partition(END_THINK)
        completion = f"{thought}{tag} {words.answer}" if tag else words.answer
        scored = score_reply(reworded, completion, self._knowledge)
        if scored.correct != 1.0:
            wrong = next((s.name for s in scored.scores if s.name in ("correctness", "format") and s.value is not None and s.value < 1.0), "correctness")
            return "teacher_wrong_format" if wrong == "format" else "teacher_wrong_answer"
        written = item.model_copy(update={"sample": reworded, "completion": completion})
        reason = reject_reason(written, self._knowledge)
        return f"teacher_{reason}" if reason else written

    def _changed_case(self, before: Sequence[Message], after: Sequence[Message]) -> str | None:
        """The question must name what it named, nothing else, as present or denied as it was, and of the same patient."""
        question, reworded = before[-1].content, after[-1].content
        if set(_NUMBER.findall(question)) != set(_NUMBER.findall(reworded)):
            return "teacher_changed_a_number"
        if _person(question) != _person(reworded):
            return "teacher_changed_patient"
        old, new = ([m.concepts for m in self._knowledge.linker.mentions(messages[-1].content)] for messages in (before, after))
        named, names = {c.id for cs in old for c in cs}, {c.id for cs in new for c in cs}
        if any(not {c.id for c in concepts} & names for concepts in old):
            return "teacher_lost_a_fact"
        if any(not {c.id for c in concepts} & named for concepts in new):
            return "teacher_added_a_fact"
        had, has = ([frozenset(c.id for c in m.concepts) for m in presenting(text, self._knowledge)] for text in (question, reworded))
        if any(ids.isdisjoint(frozenset().union(*others)) for own, others in ((had, has), (has, had)) for ids in own):
            return "teacher_changed_a_finding"
        return None if patient_concepts(before, self._knowledge) == patient_concepts(after, self._knowledge) else "teacher_changed_patient"


def _reassures(before: str, after: str) -> bool:
    """Whether the teacher calls off what the grammar did not: "no need to hurry" names nothing that a score or a claim would see."""
    return plays_down(after) and not plays_down(before)


def _person(text: str) -> tuple[bool, ...]:
    """Whether the text speaks of a woman, of a man, of a child: an answer for one need not suit another."""
    return tuple(words.search(text) is not None for words in _PERSON)


def _read(answer: Answer) -> _Words | str:
    if not answer.is_whole:
        return "teacher_cut_off"
    try:
        fields = json_of(answer)
    except ValueError:
        return "teacher_not_json"
    if not isinstance(fields, dict) or set(fields) != set(_Words._fields):
        return "teacher_wrong_fields"
    question, reply = fields["question"], fields["answer"]
    if not _is_text(question) or not _is_text(reply):
        return "teacher_wrong_fields"
    return _Words(question.strip(), reply.strip())


def _is_text(value: object) -> bool:
    """Neither empty nor endless, and nothing in it that cannot be stored or seen: no lone surrogates, no control characters."""
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST and not any(unicodedata.category(c) in ("Cs", "Cc") for c in value if c not in "\n\t")


def _last_sentence(text: str) -> str:
    return _SENTENCE_END.split(text.strip())[-1]
