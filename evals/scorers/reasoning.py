"""Does the visible thinking pass through the edges that lead to the answer, and end in the answer that is given?

Only items with steps are scored. A step is passed when one sentence of the thinking names both its ends and it is an edge of the
graph. Sentences that claim what the graph contradicts cost as much as a step gains.
"""

from core.knowledge import Knowledge
from core.knowledge.claims import check_claims, sentences
from core.reply import split_reply
from core.types import Item, Score, Verdict


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    if not item.steps:
        return Score(name="reasoning", explanation="the item has no steps")
    thinking, answer = split_reply(reply)
    named = [{c.id for m in s.mentions for c in m.concepts} for s in sentences(thinking, knowledge)]
    if not named:
        return Score(name="reasoning", value=0.0, explanation="no thinking")
    passed = sum(any({step.subject, step.object} <= ids for ids in named) for step in item.steps)
    wrong = sum(c.verdict is Verdict.CONTRADICTED for c in check_claims(thinking, knowledge))
    wanted = {i for group in item.reference.concepts for i in group}
    given = {c.id for m in knowledge.linker.mentions(answer) for c in m.concepts} & wanted
    ends = not wanted or bool(named[-1] & given)
    value = max(0.0, (passed - wrong) / len(item.steps)) * (1.0 if ends else 0.5)
    explanation = f"{passed} of {len(item.steps)} steps" + (f", {wrong} contradicted" if wrong else "") + ("" if ends else ", does not end in the answer")
    return Score(name="reasoning", value=min(1.0, value), explanation=explanation)
