"""The evidence block: facts about what a question is about, found in the graph, numbered, given to the model with the question.

A small model learns facts but does not compose them, and a clinician wants sources. The block stands in the last user message, before
the question, so that earlier turns keep their cached prefix.
"""

import re
from collections.abc import Iterator, Sequence

from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.types import Message, Relation

CHARS_PER_TOKEN = 3.5
"""Lower than measured (4.8 on the base's sentences with the starter's tokenizer): names that are new to a tokenizer cost more."""
INSUFFICIENT = "The evidence does not contain the answer."

_ASKED: tuple[tuple[Relation, re.Pattern[str]], ...] = (
    (Relation.DOSE, re.compile(r"\b(dos(?:e|es|ed|age|ing)|how much|how many|mg|amount|quantity)\b", re.I)),
    (Relation.INTERACTS_WITH, re.compile(r"\b(interact\w*|combin\w*|together|clash\w*|mix\w*|add)\b", re.I)),
    (Relation.CONTRAINDICATED_IN, re.compile(r"\b(contra-?indicat\w*|avoid\w*|safe|allowed|unsuitable|must not|should not|rules? out|forbid\w*)\b", re.I)),
    (Relation.HAS_SYMPTOM, re.compile(r"\b(symptoms?|signs?|features?|complaints?|present\w*|look like|recogni[sz]e|diagnos[ei]s|condition)\b", re.I)),
    (Relation.INVESTIGATED_BY, re.compile(r"\b(tests?|investigat\w*|confirm\w*|diagnos\w*|prove[sn]?|examination|workup|order)\b", re.I)),
    (Relation.RED_FLAG, re.compile(r"\b(red flags?|urgent|emergency|develops?|now|next|done|watch)\b", re.I)),
    (
        Relation.TREATED_BY,
        re.compile(r"\b(treat\w*|drugs?|medicines?|medications?|therap\w*|first[- ]line|give|prescribe|manage\w*|alternatives?|choose|suits?)\b", re.I),
    ),
)


def retrieve(messages: Sequence[Message], knowledge: Knowledge, budget_tokens: int = 300) -> tuple[Fact, ...]:
    """The facts most relevant to the last question, best first, within the budget. Empty when no concept is recognised."""
    graph = knowledge.graph
    question = next((m.content for m in reversed(messages) if m.role == "user"), "")
    asked = [c for mention in knowledge.linker.mentions(question) for c in mention.concepts]
    earlier = [c for m in messages[:-1] if m.role == "user" for mention in knowledge.linker.mentions(m.content) for c in mention.concepts]
    wanted = [relation for relation, cue in _ASKED if cue.search(question)]
    scored: dict[Fact, float] = {}
    for fact, score in _candidates(graph, asked, earlier):
        boost = 2.0 if fact.relation in wanted else 1.0
        scored[fact] = max(scored.get(fact, 0.0), score * boost)
    chosen, left = [], budget_tokens * CHARS_PER_TOKEN
    for fact in sorted(scored, key=lambda f: -scored[f]):
        cost = len(graph.sentence(fact)) + 6
        if cost <= left:
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


def _candidates(graph: Graph, asked: Sequence[Concept], earlier: Sequence[Concept]) -> Iterator[tuple[Fact, float]]:
    about = {c.id: c for c in (*asked, *earlier)}
    conditions = [c for c in about.values() if c.kind is Kind.CONDITION]
    symptoms = [c.id for c in about.values() if c.kind is Kind.SYMPTOM]
    if len(symptoms) > 1:  # a presentation: the conditions that share most of it
        shared: dict[str, list[Fact]] = {}
        for symptom in symptoms:
            for fact in graph.facts_to(symptom, Relation.HAS_SYMPTOM):
                shared.setdefault(fact.subject, []).append(fact)
        for name, matching in sorted(shared.items(), key=lambda kv: -len(kv[1]))[:2]:
            yield from ((f, 4.0 * len(matching) / len(symptoms)) for f in matching)
            if name not in about and len(matching) > 1:
                conditions.append(graph.concept(name))
    for condition in conditions:
        weight = 1.0 if condition.id in {c.id for c in asked} else 0.7
        for treatment in graph.treatments(condition.id):
            yield treatment, 3.0 * weight
            for other in about.values():  # what the patient's history says of that drug
                if rule := graph.contraindication(treatment.object, other.id) or graph.interaction(treatment.object, other.id):
                    yield rule, 5.0 * weight
        for relation in (Relation.RED_FLAG, Relation.INVESTIGATED_BY, Relation.HAS_SYMPTOM):
            for fact in graph.facts_from(condition.id, relation):
                yield fact, (2.5 if fact.object in about else 1.0) * weight
    for drug in (c for c in about.values() if c.kind is Kind.DRUG):
        for relation in (Relation.DOSE, Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH):
            facts = (*graph.facts_from(drug.id, relation), *(graph.facts_to(drug.id, relation) if relation is Relation.INTERACTS_WITH else ()))
            for fact in facts:
                yield fact, 3.0 if {fact.subject, fact.object} <= about.keys() else 1.2
