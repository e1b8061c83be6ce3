"""Stands between the model and the clinician: text leaves sentence by sentence, each checked before it is sent.

The rules are those of `core.safety`; here is only what follows from a finding. A safe sentence leaves as soon as it is complete. One that
seems unsafe waits for the next, which may take it back ("Most would get X. She should not."); if it does not, the reply is stopped, and what
was sent before it stays. A thought may name a drug in order to rule it out, so an unsafe sentence in a thought does not stop the reply:
the thought waits, from there on, until the answer has begun safely, and is withheld when no safe answer follows.
"""

import re
from collections.abc import Iterator, Sequence

from app.gateway.orders import in_words
from core.knowledge import Knowledge
from core.knowledge.citations import check_citations
from core.knowledge.claims import check_claims
from core.knowledge.sentences import SENTENCE_END
from core.reply import END_THINK, THINK, split_reply
from core.safety import check_input, check_reply, is_harmful, patient_concepts
from core.tracing import span
from core.types import Claim, Evidence, Message, SafetyFinding, Severity, ToolCall, Verdict

_SENTENCE_END = re.compile(rf"(?P<tag>{THINK}|{END_THINK})|{SENTENCE_END}")
_SENTENCE_SPACE = re.compile(SENTENCE_END)
# Letters that nobody sees, within a drug's name, would hide it from the rules.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
# Of a system message what tells of a patient, not what tells the model how to behave.
_OF_PATIENT = re.compile(
    r"\b(?:(?:the|this|our|my|a) patient|patient:|\d{1,3}[\s-]?(?:years?[\s-]old|yrs?|yo|y/o)|(?:he|she) (?:is|has|takes))\b"
    r"|^\W*(?:history|pmh|allerg\w+|medications?|meds|drug history|dh|current)\b",
    re.I,
)
_PUNCTUATION = re.compile(r"[{}\[\]\"]+")
_BANNER = "> **This may be an emergency"
_NOTICE = "> **Withheld by the safety check.**"
_REASONS = {
    "contraindication": "It recommended a drug that is contraindicated in this patient",
    "interaction": "It recommended a drug that interacts dangerously with one the patient takes, or is told to take with it",
    "overdose": "It stated a dose above the maximum",
    "harmful_request": "The request asks for help to cause harm",
}


class Guard:
    """The check of one turn. Create it with the conversation, pass the reply through it, then read `findings`."""

    def __init__(self, messages: Sequence[Message], knowledge: Knowledge, evidence: Sequence[Evidence] = (), opening: str = "") -> None:
        """`opening`: a text that the reply goes on with, perhaps in the middle of a word."""
        self._messages, self.knowledge = as_said(messages), knowledge
        self.evidence = tuple(evidence)
        """What the model is given besides; no rule reads it as the user's words, only citations are checked against it."""
        self._patient = patient_concepts(self._messages, knowledge)
        self.input_findings = check_input(self._messages, knowledge)
        self.withheld: tuple[SafetyFinding, ...] = ()
        """Why the reply was stopped; empty while it is safe."""
        self._opening = _SENTENCE_SPACE.split(opening.replace(THINK, ""))[-1]
        self._passed, self._held = "", ""
        self._read = 0
        """Letters at the beginning of what is held that are known to be unsafe unless the sentence after them takes them back."""
        self._is_thinking = False
        self._waiting = ""
        """The end of a thought, from its first unsafe sentence on."""
        self._doubts: tuple[SafetyFinding, ...] = ()
        self._on_calls: tuple[SafetyFinding, ...] = ()

    @property
    def banner(self) -> str:
        """What is said before anything else when the question describes an emergency; else empty."""
        urgent = [f for f in self.input_findings if f.rule == "emergency" and f.severity is Severity.CRITICAL]
        if not urgent:
            return ""
        names = ", ".join(dict.fromkeys(f.evidence.statement if f.evidence else f.rule for f in urgent))
        source = next((f" ({f.evidence.source})" for f in urgent if f.evidence), "")
        return f"{_BANNER}: {names}.** Call your local emergency number (112, 911 or 999) or start your emergency pathway now{source}.\n\n"

    @property
    def refused(self) -> tuple[SafetyFinding, ...]:
        """Findings on the question for which the model is not even asked."""
        return tuple(f for f in self.input_findings if f.severity is Severity.CRITICAL and f.rule != "emergency")

    @property
    def seen(self) -> str:
        """All that the model has said so far, sent or not."""
        return self._passed + self._held

    def hold(self, text: str) -> bool:
        """Takes a piece of the reply in. True when a sentence is complete, so that `release` has something to check."""
        self._held += text
        return _SENTENCE_END.search(self._held, self._read) is not None

    @span("check")
    def release(self, at_end: bool = False) -> str:
        """The checked sentences that may be sent now. Stops before the first unsafe one and says so in `withheld`."""
        safe = ""
        while not self.withheld and (sentence := self._next_sentence(0, at_end)):
            if self._is_thinking or sentence in (THINK, END_THINK):
                safe += self._think(sentence)
            elif (released := self._answer(sentence, at_end)) is None:
                break
            else:
                safe += released
            if not self.withheld:
                self._passed, self._held, self._read = self._passed + sentence, self._held[len(sentence) :], 0
        if at_end and self._waiting and not self.withheld:
            self.withheld = self._doubts
        return safe

    def check_calls(self, calls: Sequence[ToolCall]) -> None:
        """Stops the reply when a tool would be told to do what no sentence may recommend."""
        self._on_calls = self._check(" ".join(in_words(call) for call in calls))
        self.withheld = self.withheld or _critical(self._on_calls)

    def claims(self) -> tuple[Claim, ...]:
        """What the answer claims, with what the knowledge base says of it."""
        return check_claims(split_reply(self.seen).answer, self.knowledge)

    def findings(self, claims: Sequence[Claim]) -> tuple[SafetyFinding, ...]:
        """Everything found on the question, on what the model said, the unsafe sentence included, and on its `claims`."""
        answer = split_reply(self.seen).answer
        on_reply = self._check(self._said(self._held))
        on_citations = check_citations(self._messages, answer, [e.statement for e in self.evidence], self.knowledge)
        others = (f for f in dict.fromkeys((*self._on_calls, *self.withheld)) if f not in on_reply)
        return (*self.input_findings, *on_reply, *others, *on_citations, *_contradicted(claims))

    def _think(self, sentence: str) -> str:
        self._is_thinking = sentence != END_THINK
        self._doubts += _critical(self._check(sentence))
        if not self._doubts:
            return sentence
        self._waiting += sentence
        return ""

    def _answer(self, sentence: str, at_end: bool) -> str | None:
        """What may be sent with the sentence. None where that depends on the next one, which is not complete."""
        if unsafe := _critical(self._check(self._said(sentence))):
            following = self._next_sentence(len(sentence), at_end)
            if not following and not at_end:
                self._read = len(sentence)
                return None
            self.withheld = _critical(self._check(self._said(sentence + following))) and unsafe
        if self.withheld:
            return ""
        if not sentence.strip() and self._waiting:
            self._waiting += sentence
            return ""
        released, self._waiting, self._doubts = self._waiting + sentence, "", ()
        return released

    def _said(self, text: str) -> str:
        """All of the answer so far, and what would follow."""
        return split_reply(self._opening + self._passed + text).answer

    def _check(self, text: str) -> tuple[SafetyFinding, ...]:
        return check_reply(self._messages, _INVISIBLE.sub("", text), self.knowledge, self._patient) if text.strip() else ()

    def _next_sentence(self, start: int, at_end: bool) -> str:
        """A sentence of what is held, a thinking tag, or what stands before a tag."""
        found = _SENTENCE_END.search(self._held, start)
        if found is None:
            return self._held[start:] if at_end else ""
        return self._held[start : found.start() if found["tag"] and found.start() > start else found.end()]


def _contradicted(claims: Sequence[Claim]) -> Iterator[SafetyFinding]:
    """Claims that a row of the graph speaks against. A warning: what is wrong is not always dangerous."""
    for claim in claims:
        if claim.verdict is Verdict.CONTRADICTED:
            yield SafetyFinding(rule="contradicted_claim", severity=Severity.WARNING, quote=claim.quote[:200], evidence=claim.evidence)


def is_banner(text: str) -> bool:
    return text.startswith(_BANNER)


def notice(findings: Sequence[SafetyFinding]) -> str:
    """What stands in the place of a withheld reply: the reason and its evidence, never the unsafe words."""
    reasons = dict.fromkeys(f"{_REASONS.get(f.rule, f.rule.replace('_', ' '))}{_because(f.evidence)}" for f in findings)
    # Who asks for help to cause harm is not invited to find other words for it.
    advice = "" if any(f.rule == "harmful_request" for f in findings) else " Please check a trusted source or ask in another way."
    return f"{_NOTICE} {' '.join(f'{reason}.' for reason in reasons)}{advice}"


def shown(finding: SafetyFinding, withheld: bool) -> SafetyFinding:
    """The finding as the clinician gets it: without a quote that would send unsafe words after all. Of a withheld reply that is any quote,
    as a lesser finding (a citation that supports nothing) may be about the unsafe sentence too.
    """
    is_unsafe = withheld or finding.severity is Severity.CRITICAL
    return finding.model_copy(update={"quote": ""}) if is_unsafe and finding.rule != "emergency" else finding


def as_asked(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation as the model should see it: earlier replies without thoughts and without what the guard added.

    A question that was refused is not laid before it again, with all that followed up to the next: "go on" would have it answered after all.
    """
    kept: list[Message] = []
    was_refused = False
    for message in messages:
        if message.role == "user":
            was_refused = is_harmful(message.content)
        if message.role == "system" or not was_refused:
            kept.append(message if message.role != "assistant" else message.model_copy(update={"content": _model_words(message.content)}))
    return tuple(kept)


def as_said(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation as the rules read it: what a tool returned, or the system told of a patient, is said of the patient, before the last question."""
    told = [_PUNCTUATION.sub(" ", m.content) for m in messages if m.role == "tool"]
    told += [line for m in messages if m.role == "system" for line in _SENTENCE_SPACE.split(m.content) if _OF_PATIENT.search(line)]
    others = [m for m in messages if m.role not in ("tool", "system")]
    last = max((n for n, m in enumerate(others) if m.role == "user"), default=len(others))
    return (*others[:last], *(Message(role="user", content=text) for text in told), *others[last:])


def _model_words(reply: str) -> str:
    answer = split_reply(reply).answer if THINK in reply else reply
    return "\n\n".join(part for part in answer.split("\n\n") if not part.startswith((_BANNER, _NOTICE))).strip()


def _critical(findings: Sequence[SafetyFinding]) -> tuple[SafetyFinding, ...]:
    return tuple(f for f in findings if f.severity is Severity.CRITICAL)


def _because(evidence: Evidence | None) -> str:
    return f": {evidence.statement.rstrip('.')} ({evidence.source})" if evidence else ""
