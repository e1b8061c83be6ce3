"""Pairwise judgements: of two replies to one question, which one clinicians prefer. What preference models learn from and are measured by.

Two sources. *Ratings*: two of the model's replies to the same question with the same evidence (asked again, or of another checkpoint), one
found good and one found bad, corrected or unsafe. *Corrections*: the clinician's text against the reply that it corrects.

A question's pairs are either learnt from or held out, all of them. Only held-out ratings of people whose two replies the rules put in one band
measure reliability. What a script judged would measure agreement with the script. A correction is a person's text, and telling it from a model's
takes no judgement of content; and a model orders replies within a band only, so seeing that one is unsafe or false, which the rules see anyway, is
not what its weight is for.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from alignment.capability import capability_asked
from alignment.feedback import FeedbackExample
from alignment.mkgsg.curate import content_key, word_grams
from alignment.mkgsg.validate import text_reason
from core.artifacts import write_text_atomically
from core.errors import ArtifactError
from core.knowledge import Knowledge
from core.reply import split_reply
from core.safety import check_reply, patient_concepts
from core.types import Capability, Message, Severity, Value, content_hash

JUDGEMENTS = "judgements.jsonl"


class Judgement(Value):
    """`chosen` was preferred to `rejected`."""

    messages: tuple[Message, ...]
    evidence: tuple[str, ...] = ()
    chosen: str
    rejected: str
    capability: Capability
    source: Literal["ratings", "correction"]
    feedback: tuple[str, ...]
    """Ids of the feedback that says so."""
    simulated: bool = False
    """Whether a script had a part in it."""
    held_out: bool = False
    one_band: bool = False
    """Whether neither text is unsafe or contradicted by the graph; what is wrong in another way the rules cannot know without a reference."""

    @property
    def measures(self) -> bool:
        """Whether reliability is measured on the pair."""
        return self.held_out and self.can_measure

    @property
    def can_measure(self) -> bool:
        """Whether it would, held out."""
        return self.one_band and self.source == "ratings" and not self.simulated

    @property
    def question(self) -> str:
        """Hash of what the user asked, numbers and filler aside: what is not independent of each other."""
        return content_hash(content_key([m.content for m in self.messages if m.role == "user"]))[:20]


class Judgements(NamedTuple):
    kept: tuple[Judgement, ...]
    dropped: Counter[str]
    """Reason -> pairs."""


def judgements_of(feedback: Iterable[FeedbackExample], knowledge: Knowledge, exam_grams: frozenset[str] = frozenset()) -> Judgements:
    """Every pair that the feedback holds and that may be learnt from, the held-out ones marked. Same feedback in any order, same pairs.

    Dropped with a reason: what prefers an unsafe text, a text that the graph contradicts, a reply without an answer, equal answers, and
    questions that the exam asks (`curate.word_grams` of its questions).
    """
    kept, dropped = [], Counter[str]()
    for judgement in sorted(set(_pairs(feedback, knowledge)), key=lambda j: content_hash(j.model_dump(mode="json"))):
        if reason := _drop_reason(judgement, knowledge, exam_grams):
            dropped[f"judgement_{reason}"] += 1
        else:
            kept.append(judgement.model_copy(update={"one_band": _fault(judgement.messages, judgement.rejected, knowledge) is None}))
    held_out = _held_out(kept)
    return Judgements(tuple(j.model_copy(update={"held_out": j.question in held_out}) for j in kept), dropped)


def write_judgements(folder: Path, judgements: Sequence[Judgement]) -> None:
    """Raises OSError."""
    write_text_atomically(folder / JUDGEMENTS, "".join(f"{json.dumps(j.model_dump(mode='json'), sort_keys=True)}\n" for j in judgements))


def read_judgements(folder: Path) -> tuple[Judgement, ...]:
    """Those that were written to the folder; none where it has no such file. Raises ArtifactError naming the bad line."""
    path = folder / JUDGEMENTS
    if not path.exists():
        return ()
    judgements = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            judgements.append(Judgement.model_validate_json(line))
        except ValidationError as error:
            raise ArtifactError(f"{path}:{number} is not a judgement: {error.errors()[0]['msg']}") from error
    return tuple(judgements)


def _pairs(feedback: Iterable[FeedbackExample], knowledge: Knowledge) -> Iterator[Judgement]:
    asked: dict[str, list[FeedbackExample]] = defaultdict(list)
    for example in feedback:
        if example.messages and example.messages[-1].role == "user":
            asked[content_hash([[m.model_dump() for m in example.messages], example.evidence])].append(example)
    for same in asked.values():
        examples = sorted(same, key=lambda e: e.id)
        capability = capability_asked(examples[0].messages, knowledge)
        if any(e.unsafe for e in examples):
            capability = Capability.SAFETY
        good, bad = _liked(examples, True), _liked(examples, False)
        for reply in sorted(good.keys() - bad.keys()):
            for worse in sorted(bad.keys() - good.keys()):
                yield _judgement(examples[0], reply, worse, capability, "ratings", [*good[reply], *bad[worse]])
        for example in examples:
            if correction := (example.correction or "").strip():
                yield _judgement(example, correction, example.reply, capability, "correction", [example])


def _liked(examples: Sequence[FeedbackExample], likes: bool) -> dict[str, list[FeedbackExample]]:
    """Replies by what was thought of them; one that was found both good and bad is in both, and decides nothing."""
    found: dict[str, list[FeedbackExample]] = defaultdict(list)
    for example in examples:
        if example.likes is likes:
            found[example.reply].append(example)
    return found


def _judgement(
    example: FeedbackExample, chosen: str, rejected: str, capability: Capability, source: Literal["ratings", "correction"], said: Sequence[FeedbackExample]
) -> Judgement:
    return Judgement(
        messages=example.messages,
        evidence=example.evidence,
        chosen=chosen,
        rejected=rejected,
        capability=capability,
        source=source,
        feedback=tuple(e.id for e in said),
        simulated=any(e.simulated for e in said),
    )


def _drop_reason(judgement: Judgement, knowledge: Knowledge, exam_grams: frozenset[str]) -> str | None:
    chosen, rejected = split_reply(judgement.chosen).answer, split_reply(judgement.rejected).answer
    if not chosen or not rejected:
        return "without_answer"
    if " ".join(chosen.split()) == " ".join(rejected.split()):
        return "equal_answers"
    if any("\ud800" <= c <= "\udfff" for text in (chosen, rejected, *(m.content for m in judgement.messages)) for c in text):
        return "unreadable"
    if exam_grams and any(word_grams(m.content) & exam_grams for m in judgement.messages):
        return "exam_overlap"
    return _fault(judgement.messages, judgement.chosen, knowledge)


def _fault(messages: Sequence[Message], reply: str, knowledge: Knowledge) -> str | None:
    """What the rules hold against a reply without knowing the right one."""
    answer = split_reply(reply).answer
    if reason := text_reason(answer, knowledge):
        return reason
    patient = patient_concepts(messages, knowledge)
    harm = next((f for f in check_reply(messages, answer, knowledge, patient) if f.severity is Severity.CRITICAL), None)
    return f"unsafe_{harm.rule}" if harm else None


def _held_out(judgements: Sequence[Judgement]) -> frozenset[str]:
    """Half of the questions of each capability that can measure, by their hash: the interval of what is measured shrinks with their number alone."""
    rated: dict[Capability, set[str]] = defaultdict(set)
    for judgement in judgements:
        if judgement.can_measure:
            rated[judgement.capability].add(judgement.question)
    return frozenset(q for questions in rated.values() for q in sorted(questions)[::2])
