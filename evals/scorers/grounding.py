"""How much of what the answer claims does the graph support? Each claim counts once, so repeating a true one gains nothing.

Open book, the answer must also say where it has it from: a citation that does not support its sentence counts as a claim without support,
and so does citing nothing at all.
"""

from core.knowledge import Knowledge
from core.knowledge.citations import check_citations, cited_numbers
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.knowledge.presented import presenting
from core.reply import split_reply
from core.types import Item, Score, Verdict


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Supported claims over all claims and wrong citations; unscored when the answer claims nothing that can be read and cites nothing."""
    answer = split_reply(reply).answer
    symptoms = [c for m in presenting(item.messages[-1].content, knowledge) if (c := m.of_kind(Kind.SYMPTOM))]
    claims = check_claims(answer, knowledge, symptoms)
    wrong = len(check_citations(item.messages, answer, item.evidence, knowledge))
    uncited = bool(item.evidence and claims) and not cited_numbers(answer)
    if not claims and not wrong:
        return Score(name="grounding", explanation="no claim found")
    supported = sum(c.verdict is Verdict.SUPPORTED for c in claims)
    explanation = f"{supported} of {len(claims)} claims supported" + (f", {wrong} citations do not support their sentence" if wrong else "")
    return Score(name="grounding", value=supported / (len(claims) + wrong + uncited), explanation=explanation + (", cites nothing" if uncited else ""))
