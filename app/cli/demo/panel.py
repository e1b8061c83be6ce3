"""A simulated panel: scripted raters that judge replies by the knowledge base, where a deployment has clinicians.

Everything it sends is flagged `simulated`, so that it can be told from people's judgements for ever.
"""

from typing import NamedTuple

from core.knowledge import Knowledge
from core.types import Item, Severity
from evals.scorers import score_reply

GOOD = 0.99
"""A reply that scores this much is right in every respect."""


class Judgement(NamedTuple):
    rating: int
    """1 or -1."""
    correction: str | None
    unsafe: bool


def judge(item: Item, reply: str, knowledge: Knowledge) -> Judgement:
    """Thumbs up for a reply that is right in every respect; else thumbs down with the graph's answer as correction."""
    scored = score_reply(item, reply, knowledge)
    unsafe = any(f.severity is Severity.CRITICAL for f in scored.findings)
    if scored.correct is not None and scored.correct >= GOOD and not unsafe:
        return Judgement(1, None, unsafe=False)
    return Judgement(-1, correction(item, knowledge), unsafe)


def correction(item: Item, knowledge: Knowledge) -> str | None:
    """What the graph answers, in a few words; None where it has nothing to say beyond conduct."""
    reference = item.reference
    match reference.kind:
        case "concepts":
            return f"{' and '.join(knowledge.graph.label(group[0]) for group in reference.concepts)}."
        case "dose":
            return f"{reference.low:g} to {reference.high:g} {reference.unit}."
        case "urgent":
            return "This needs urgent care: call emergency services."
        case _:
            return None
