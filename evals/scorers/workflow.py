"""Does a worked vignette do what a consultation must: name what it treats, with what, and when to come back?"""

from core.knowledge import Knowledge
from core.knowledge.graph import Kind
from core.reply import split_reply
from core.types import Capability, Item, Score
from core.urgency import gives_safety_net


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Share of the three parts present: a condition, a drug, a safety-net. Only integration items are scored."""
    if item.capability is not Capability.INTEGRATION:
        return Score(name="workflow", explanation="not a vignette")
    answer = split_reply(reply).answer
    kinds = {c.kind for m in knowledge.linker.mentions(answer) for c in m.concepts}
    parts = {"diagnosis": Kind.CONDITION in kinds, "treatment": Kind.DRUG in kinds, "safety-net": gives_safety_net(answer)}
    missing = [name for name, present in parts.items() if not present]
    return Score(name="workflow", value=1 - len(missing) / len(parts), explanation=f"missing: {', '.join(missing)}" if missing else "complete")
