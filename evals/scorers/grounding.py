"""How much of what the answer claims does the graph support? Each claim counts once, so repeating a true one gains nothing."""

from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.reply import split_reply
from core.types import Item, Score, Verdict


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Supported claims over all claims; unscored when the answer claims nothing that can be read."""
    claims = check_claims(split_reply(reply).answer, knowledge)
    if not claims:
        return Score(name="grounding", explanation="no claim found")
    supported = sum(c.verdict is Verdict.SUPPORTED for c in claims)
    return Score(name="grounding", value=supported / len(claims), explanation=f"{supported} of {len(claims)} claims supported")
