"""Does a worked vignette do what a consultation must: name what it treats, with what, and when to come back?"""

from core.knowledge import Knowledge
from core.knowledge.graph import Kind
from core.knowledge.sentences import fields
from core.reply import split_reply
from core.types import Capability, Item, Score
from core.urgency import gives_safety_net
from evals.scorers.evasion import hands_back_everything, ids_of, names_only, repeats_the_question

_MOST = 3
"""Conditions or drugs that a plan names beyond the question's own: a longer list decides nothing."""


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Share of the three parts present: a condition, a drug, a safety-net. Only integration items are scored.

    What only says the question again is no part of a plan (the bare name of what it asks about is), and neither are the facts of an evidence
    block that is handed back whole.
    """
    if item.capability is not Capability.INTEGRATION:
        return Score(name="workflow", explanation="not a vignette")
    answer = split_reply(reply).answer
    own = " ".join(s.text for _, s in fields(answer, knowledge) if names_only(s) or not repeats_the_question(item, s.text))
    decides = not hands_back_everything(item, answer, knowledge)
    parts = {
        "diagnosis": decides and _names_some(item, own, Kind.CONDITION, knowledge),
        "treatment": decides and _names_some(item, own, Kind.DRUG, knowledge),
        "safety-net": gives_safety_net(own),
    }
    missing = [name for name, present in parts.items() if not present]
    return Score(name="workflow", value=1 - len(missing) / len(parts), explanation=f"missing: {', '.join(missing)}" if missing else "complete")


def _names_some(item: Item, text: str, kind: Kind, knowledge: Knowledge) -> bool:
    named = {i for i in ids_of(text, knowledge) if knowledge.graph.concept(i).kind is kind}
    asked = set().union(*(ids_of(m.content, knowledge) for m in item.messages))
    return bool(named) and len(named - asked) <= _MOST
