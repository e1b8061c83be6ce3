"""The evidence block: facts about what a question is about, found in the graph, numbered, given to the model with the question.

A small model learns facts but does not compose them, and a clinician wants sources. The block stands in the last user message, before
the question, so that earlier turns keep their cached prefix.
"""

import re
from collections.abc import Sequence

from core.knowledge import Knowledge
from core.knowledge.asked import read_question
from core.knowledge.graph import Fact
from core.knowledge.relevance import otherwise, relevant_facts
from core.types import Message

LINE_TOKENS = 4
"""The number in its brackets and the end of the line."""
BLOCK_TOKENS = 8
"""The words around the facts."""
MOST_FACTS = 12
"""More of them confuse a small model, and nobody reads them."""
_WORD = re.compile(r"\w+|[^\w\s]")
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
    left = budget_tokens - BLOCK_TOKENS
    for fact in sorted(scored, key=lambda f: -scored[f])[:MOST_FACTS]:
        cost = LINE_TOKENS + estimated_tokens(graph.sentence(fact))
        if cost > left:
            break
        chosen.append(fact)
        left -= cost
    return tuple(chosen)


def estimated_tokens(text: str) -> int:
    """How many tokens `text` costs at most, whatever the tokenizer: three letters each. With the starter's own the base's sentences cost
    two thirds of it and those of imported names, which it has never seen, 0.86 (medians); one in ten costs up to 1.14 of it, a block of several less.
    """
    return sum(-(-len(word) // 3) for word in _WORD.findall(text))


def with_evidence(messages: Sequence[Message], evidence: Sequence[str]) -> tuple[Message, ...]:
    """The conversation with the evidence block put before its last question; unchanged without evidence."""
    if not evidence:
        return tuple(messages)
    lines = "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(evidence, start=1))
    last = max(n for n, m in enumerate(messages) if m.role == "user")  # what follows it are a tool's calls and results
    asked = Message(role="user", content=f"Evidence:\n{lines}\nQuestion: {messages[last].content}")
    return (*messages[:last], asked, *messages[last + 1 :])
