"""The symptoms that a patient is said to have: what a diagnosis must explain."""

from collections.abc import Sequence

from core.knowledge import Knowledge
from core.knowledge.context import in_context
from core.knowledge.context_cues import Context
from core.knowledge.graph import Kind
from core.knowledge.linker import Mention

_ABSENT = frozenset((Context.NEGATED, Context.OTHER))


def presented_symptoms(text: str, mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """Of `mentions`, which are those of `text`: symptoms that are neither denied nor someone else's. A question may ask of them ("what causes a cough?")."""
    symptoms = [m for m in mentions if m.of_kind(Kind.SYMPTOM)]
    if not symptoms:
        return ()
    absent = {i.mention.start for i in in_context(text, mentions) if i.context in _ABSENT}
    return tuple(m for m in symptoms if m.start not in absent)


def presenting(question: str, knowledge: Knowledge) -> tuple[Mention, ...]:
    return presented_symptoms(question, knowledge.linker.mentions(question))
