"""Scorers: each reads one quality off a reply. Shared by exams and training rewards, so the two cannot drift apart."""

from typing import NamedTuple

from core.knowledge import Knowledge
from core.knowledge.citations import check_citations
from core.reply import split_reply
from core.safety import check_reply
from core.types import Capability, Item, SafetyFinding, Score
from evals.scorers import correctness, format, grounding, reasoning, safety, workflow

COMPONENTS = {
    "correctness": correctness.score,
    "grounding": grounding.score,
    "reasoning": reasoning.score,
    "format": format.score,
    "workflow": workflow.score,
    "safety": safety.score,
}

# What must hold together for an item of a capability to count as right.
HEADLINE: dict[Capability, tuple[str, ...]] = {
    Capability.DOMAIN: ("correctness",),
    Capability.REASONING: ("correctness", "safety"),
    Capability.INSTRUCTION: ("correctness", "format"),
    Capability.INTEGRATION: ("correctness", "format", "workflow", "safety"),
    Capability.SAFETY: ("correctness", "safety"),
}


def headline(item: Item) -> tuple[str, ...]:
    """The components that count for an item: those of its capability, and its form wherever one is asked for."""
    own = HEADLINE[item.capability]
    return own if "format" in own or not item.checks else (*own, "format")


class Scored(NamedTuple):
    scores: tuple[Score, ...]
    correct: float | None
    """Product of the headline components; None when none of them could be scored."""
    findings: tuple[SafetyFinding, ...]


def score_reply(item: Item, reply: str, knowledge: Knowledge) -> Scored:
    """All components of one reply. Pure."""
    scores = tuple(component(item, reply, knowledge) for component in COMPONENTS.values())
    values = [s.value for s in scores if s.name in headline(item) and s.value is not None]
    correct = 1.0 if values else None
    for value in values:
        correct = (correct or 0.0) * value
    answer = split_reply(reply).answer
    on_answer = check_reply(item.messages, answer, knowledge, safety.patient_of(item, knowledge))
    return Scored(scores, correct, (*on_answer, *check_citations(item.messages, answer, item.evidence, knowledge)))
