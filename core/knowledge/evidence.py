"""The evidence block: facts about what a question is about, found in the graph, numbered, given to the model with the question.

A small model learns facts but does not compose them, and a clinician wants sources. The block stands in the last user message, before
the question, so that earlier turns keep their cached prefix.
"""

from collections.abc import Sequence

from core.knowledge import Knowledge
from core.knowledge.asked import read_question
from core.knowledge.graph import Fact
from core.knowledge.relevance import otherwise, relevant_facts
from core.types import Message

CHARS_PER_TOKEN = 3.5
"""Lower than measured (4.8 on the base's sentences with the starter's tokenizer): names that are new to a tokenizer cost more."""
LINE_TOKENS = 4
"""The number in its brackets and the end of the line."""
BLOCK_TOKENS = 8
"""The words around the facts."""
MOST_FACTS = 12
"""More of them confuse a small model, and nobody reads them."""
INSUFFICIENT = "The evidence does not contain the answer."


def retrieve(messages: Sequence[Message], knowledge: Knowledge, budget_tokens: int = 300) -> tuple[Fact, ...]:
    """The facts that are relevant to the last question, best first, within the budget. Empty when no concept is recognised."""
    graph = knowledge.graph
    asked = read_question(messages, knowledge)
    if asked is None:
        return ()
    scored: dict[Fact, float] = {}
    for candidates in (relevant_facts, otherwise):
        for fact, score in candidates(asked, graph):
            scored[fact] = max(scored.get(fact, 0.0), score)
        if scored:
            break
    chosen: list[Fact] = []
    left = float(budget_tokens - BLOCK_TOKENS)
    for fact in sorted(scored, key=lambda f: -scored[f])[:MOST_FACTS]:
        cost = LINE_TOKENS + len(graph.sentence(fact)) / CHARS_PER_TOKEN
        if cost > left:
            break
        chosen.append(fact)
        left -= cost
    return tuple(chosen)


def with_evidence(messages: Sequence[Message], evidence: Sequence[str]) -> tuple[Message, ...]:
    """The conversation with the evidence block put before its last question; unchanged without evidence."""
    if not evidence:
        return tuple(messages)
    lines = "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(evidence, start=1))
    last = messages[-1]
    return (*messages[:-1], Message(role=last.role, content=f"Evidence:\n{lines}\nQuestion: {last.content}"))
