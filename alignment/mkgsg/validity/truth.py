"""Is what the reply says supported by the graph, and does it lead to the answer?"""

import re

from alignment.mkgsg.validity.case import Case, are_linked, concept_ids, is_any
from core.knowledge.citations import check_citations
from core.knowledge.graph import Kind
from core.knowledge.linker import Mention
from core.types import Capability, Relation, Verdict
from evals.scorers import correctness, reasoning

UNSUPPORTED = {
    Relation.HAS_SYMPTOM: "unsupported_symptom",
    Relation.RED_FLAG: "unsupported_symptom",
    Relation.TREATED_BY: "unsupported_drug",
    Relation.INVESTIGATED_BY: "unsupported_test",
    Relation.CONTRAINDICATED_IN: "unsupported_contraindication",
    Relation.INTERACTS_WITH: "unsupported_interaction",
    Relation.IS_A: "unsupported_class",
    Relation.DOSE: "wrong_unit",
}


def claims(case: Case) -> str | None:
    for claim in case.reading.claims:
        if claim.verdict is Verdict.CONTRADICTED:
            return "contradicted_claim"
        if claim.verdict is Verdict.UNKNOWN:
            return UNSUPPORTED[claim.relation]
    return None


_BELONGS: dict[Kind, tuple[str, frozenset[Relation] | None]] = {
    Kind.SYMPTOM: ("unsupported_symptom", frozenset((Relation.HAS_SYMPTOM, Relation.RED_FLAG))),
    Kind.INVESTIGATION: ("unsupported_test", frozenset((Relation.INVESTIGATED_BY,))),
    Kind.CONDITION: ("unsupported_condition", None),
    Kind.CONTEXT: ("unsupported_context", None),
    Kind.DRUG: ("unsupported_drug", None),
    Kind.CLASS: ("unsupported_drug", None),
}


def strays(case: Case) -> str | None:
    """What the reply names belongs to the case, is said by a supported claim, or is joined with the case by a fact.

    So a false statement in words that make no claim does not pass in silence.
    """
    if case.sample.reference.kind == "refusal":
        return None
    known = case.ids | case.reading.said
    for sentence in case.reading.sentences:
        for mention in sentence.mentions:
            if not is_any(mention, known) and (reason := _stray(mention, case)) and not _is_told_by_a_row(mention, case):
                return reason
    return None


def _is_told_by_a_row(mention: Mention, case: Case) -> bool:
    """What the row of a supported claim says besides, such as the effect of an interaction."""
    rows = (c.evidence.statement for c in case.reading.claims if c.evidence and c.verdict is Verdict.SUPPORTED)
    return any(is_any(mention, concept_ids(row, case.knowledge)) for row in rows)


def _stray(mention: Mention, case: Case) -> str | None:
    graph = case.knowledge.graph
    for concept in mention.concepts:
        reason, relations = _BELONGS[concept.kind]
        if are_linked(graph, concept.id, case.ids, relations):
            return None
    return reason


def presentation(case: Case) -> str | None:
    """The symptoms of the vignette are those of the diagnosis that is asked for."""
    graph, relations = case.knowledge.graph, _BELONGS[Kind.SYMPTOM][1]
    sample = case.sample
    conditions = frozenset(s.subject for s in sample.steps if s.relation is Relation.HAS_SYMPTOM)
    if not conditions and sample.capability is Capability.INTEGRATION:
        conditions = frozenset(i for group in sample.reference.concepts for i in group if graph.concept(i).kind is Kind.CONDITION)
    if not conditions:
        return None
    strange = {m.start for m in case.asked.symptoms if not any(are_linked(graph, c.id, conditions, relations) for c in m.concepts)}
    if not strange:
        return None
    is_told = any(m.start in strange and not _DENIED.search(case.asked.text, 0, m.start) for m in case.asked.presenting)
    return "unsupported_symptom" if is_told else None


_DENIED = re.compile(r"\b(?:no|not|without|denie[sd]|never|n[o'’]t)\b[^.!?]*$", re.I)
"""In doubt a symptom after such a word, anywhere in its sentence, is one that the patient does not have."""


def chain(case: Case) -> str | None:
    """The steps are edges of the graph, hang together, and the thinking (or, without one, the answer) passes through each to the answer."""
    sample, graph = case.sample, case.knowledge.graph
    thinking, answer = case.reading.reply
    if not sample.steps:
        return None
    reached = {sample.steps[0].subject, sample.steps[0].object}
    for step in sample.steps:
        forward, back = graph.fact(step.subject, step.relation, step.object), graph.fact(step.object, step.relation, step.subject)
        if not (forward or back) or not {step.subject, step.object} & reached:
            return "broken_chain"
        reached |= {step.subject, step.object}
    # Without a thought, as where an order is refused, the answer is the chain. What it claims is known to be supported here.
    chain = reasoning.read_chain(sample, thinking or answer, answer, case.knowledge)
    is_whole = chain is not None and chain.passed == len(sample.steps) and chain.ends and chain.pertinence > 1 - 1e-9
    return None if is_whole else "broken_chain"


def citations(case: Case) -> str | None:
    """Numbers that are cited exist and support their sentence; without evidence nothing is cited."""
    if not any(s.cited for s in case.reading.sentences):
        return None
    sample = case.sample
    findings = [f for part in case.reading.reply if part for f in check_citations(sample.messages, part, sample.evidence, case.knowledge)]
    return "wrong_citation" if findings or not sample.evidence else None


def answer(case: Case) -> str | None:
    score = correctness.score(case.sample, case.text, case.knowledge)
    return None if score.value is None or score.value > 1 - 1e-9 else "wrong_answer"
