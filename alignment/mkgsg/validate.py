"""Is what an item says true, safe and answerable? A rejected item carries the reason; nothing is repaired silently.

Every item passes here, whether a grammar, a teacher model or a clinician wrote it. The order of the checks is from the particular to the
general, so that the reason names what is wrong: a dose that is out of range also makes a false claim, and that says less.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from alignment.mkgsg.case_reading import Asked, Reading, are_linked, case_of, is_any, read_question, read_reply, remembering
from alignment.mkgsg.generate import Written
from core.knowledge import Knowledge
from core.knowledge.citations import check_citations
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.knowledge.linker import Mention
from core.knowledge.quantities import QUANTITY, quantity
from core.knowledge.sentences import fields
from core.reply import END_THINK, THINK
from core.safety import check_reply, is_harmful
from core.types import Capability, Claim, Relation, Severity, TrainingSample, Verdict
from core.urgency import asks_urgent_care, gives_safety_net, plays_down, urgency
from evals.scorers import correctness, reasoning
from evals.scorers.format import passes

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
REASONS = frozenset(
    (
        *UNSUPPORTED.values(), "foreign_text", "wrong_format", "cut_off", "unreadable_patient", "unreadable_dose", "benign_looks_harmful_to_the_guard",
        "answer_in_question", "unsupported_reference", "dose_out_of_range", "unsafe_contraindication", "unsafe_interaction", "unsafe_overdose",
        "ignored_red_flag", "missing_safety_net", "contradicted_claim", "broken_chain", "unsupported_condition", "unsupported_context", "wrong_citation",
        "wrong_answer",
    )
)  # fmt: skip
"""Every reason there is: counts by reason are stored with a dataset."""

# What no question and no reply of ours holds: mark-up, chat templates, orders to the model, its talk of itself, turns of another dialogue.
_FOREIGN = re.compile(
    r"<\|[^>]{0,40}\|>|\[/?INST\]|</?s>|</?(?:div|p|br|b|i|a|img|span|html|body|script|style|iframe|h[1-6]|ul|li|table)\b[^>]*>|<!--|https?://|\bwww\.\w"
    r"|\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|earlier) (?:instructions?|rules|text|prompts?)\b"
    r"|\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|\b(?:i am|i'm) (?:an? )?(?:ai|(?:large )?language model|chatbot)\b|\bsystem prompt\b"
    r"|(?:^|[.!?]\s+)\W*(?:user|assistant|human|ai|system)\s*:"
    r"|\bhere (?:is|are) (?:the|your|my|an?) (?:\w+ ){0,3}(?:item|text|version|answer|reply|rewrite|paraphrase|vignette|question)\b"
    r"|\bhere['’]s (?:the|your|my|an?)\b"
    r"|\b(?:as (?:you )?requested|you asked (?:me )?for|i(?: have|['’]ve)? (?:rewritten|rephrased|rewrote)"
    r"|(?:rewritten|rephrased|training) (?:item|text|version|example)"
    r"|let me know if|hope (?:this|that) helps)\b",
    re.I | re.M,
)
_SIGNS = (
    "<", "inst]", "http", "www.", "ignore", "disregard", "forget", "language model", "chatbot", " ai", "system", "user", "assistant", "human", "ai:", "here is",
    "here are", "here\u2019s", "here's", "requested", "you asked", "rewr", "rephrased", "training", "let me know", "hope th",
)  # fmt: skip
"""One of them is in every foreign text: most texts have none, and that is seen ten times as fast."""
_THINK_TAG = re.compile(f"{THINK}|{END_THINK}")
_HOLLOW = re.compile(
    r"\W*(?:n/?a|none|nil|nothing|see (?:above|below)|as above|tbd|to be (?:determined|added)|unknown|not (?:applicable|available)|same|x+)?\W*", re.I
)

_ENDS = (".", "!", "?", ")", "]", "}", '"', "\u201d", "'")
_FILLED = ("diagnosis", "treatment", "test")
"""Parts of a structured reply that must not be empty; "Allergies: none" may."""


class Case(NamedTuple):
    """One item under validation, read."""

    sample: TrainingSample
    text: str
    reading: Reading
    asked: Asked
    ids: frozenset[str]
    knowledge: Knowledge

    @property
    def answer(self) -> str:
        return self.reading.reply.answer


def reject_reason(written: Written, knowledge: Knowledge) -> str | None:
    """Why the item must not be used: one of `REASONS`, or None."""
    knowledge = remembering(knowledge)
    sample, asked = written.sample, read_question(written.sample, knowledge)
    case = Case(sample, written.completion, read_reply(written.completion, knowledge), asked, case_of(sample, asked), knowledge)
    return next((reason for check in _CHECKS if (reason := check(case))), None)


def text_reason(text: str, knowledge: Knowledge) -> str | None:
    """Why a clinician's own text cannot be learnt from: the graph contradicts it. What the graph does not know is let pass."""
    verdicts = {c.verdict for c in check_claims(text, knowledge)}
    return "contradicted_by_graph" if Verdict.CONTRADICTED in verdicts else None


# --- form ----------------------------------------------------------------------------------------------------------------


def _foreign_text(case: Case) -> str | None:
    return "foreign_text" if any(map(_is_foreign, (_THINK_TAG.sub(" ", case.text), *(m.content for m in case.sample.messages)))) else None


def _is_foreign(text: str) -> bool:
    low = text.lower()
    return any(sign in low for sign in _SIGNS) and _FOREIGN.search(text) is not None


def _format(case: Case) -> str | None:
    """The checks that were asked for pass, and the parts that must say something do."""
    if not all(passes(c, case.answer) for c in case.sample.checks):
        return "wrong_format"
    if not case.sample.checks and not case.answer.endswith(_ENDS):
        return "cut_off"
    is_hollow = case.sample.checks and any(f.role in _FILLED and _HOLLOW.fullmatch(f.sentence.text) for f in fields(case.answer, case.knowledge))
    return "wrong_format" if is_hollow else None


def _thought(case: Case) -> str | None:
    """A thought is opened and closed once, names something, and an answer follows it."""
    tags = _THINK_TAG.findall(case.text)
    if not tags:
        return None
    thinking, answer = case.reading.reply
    is_whole = tags == [THINK, END_THINK] and answer and any(s.mentions for s in case.reading.sentences if s.text in thinking)
    return None if is_whole else "broken_chain"


# --- question and reference ------------------------------------------------------------------------------------------------


def _question(case: Case) -> str | None:
    """What the item says of the patient must be readable in the question, else no model could answer it."""
    sample = case.sample
    if not case.asked.ids.issuperset(sample.patient):
        return "unreadable_patient"
    if _gives_away(case):
        return "answer_in_question"
    if is_harmful(sample.messages[-1].content) and sample.reference.kind != "refusal":
        return "benign_looks_harmful_to_the_guard"
    return None


def _gives_away(case: Case) -> bool:
    """The answer stands in the question. Candidates may be listed among wrong ones, and a check may be about the word itself."""
    sample = case.sample
    if sample.reference.kind != "concepts" or case.asked.ids & set(sample.reference.forbidden):
        return False
    answers = {i for group in sample.reference.concepts for i in group}.difference(sample.patient) & case.asked.ids
    if not answers:
        return False
    checked = " ".join(str(v) for c in sample.checks for v in c.args.values()).lower()
    return any(is_any(m, frozenset(answers)) and m.text.lower() not in checked for m in case.asked.mentions)


def _reference(case: Case) -> str | None:
    """The right answer is known to the graph, follows from what is asked, and suits the patient."""
    sample, graph = case.sample, case.knowledge.graph
    reference = sample.reference
    if reference.kind == "dose":
        return _dose_reference(case)
    for group in reference.concepts:
        around = case.ids.difference(group)
        if not group or not all(i in graph.concepts and are_linked(graph, i, around) for i in group):
            return "unsupported_reference"
        for drug in group:
            if any(graph.contraindication(drug, p) for p in sample.patient if p != drug):
                return "unsafe_contraindication"
    return None


def _dose_reference(case: Case) -> str | None:
    """The range is that of the drug asked about; a safe maximum may be its daily one."""
    reference, graph = case.sample.reference, case.knowledge.graph
    if not QUANTITY.search(f"{reference.low:f} {reference.unit}"):
        return "unreadable_dose"
    drugs = [d for d in _dosed_drugs(case) if _is_dosed_here(d, case)]
    doses = [f.dose for d in drugs if (f := graph.dose(d)) and f.dose]
    if not doses:
        return "unsupported_reference"
    if not any(d.unit == reference.unit for d in doses):
        return "wrong_unit"
    within = any(d.low == reference.low and reference.high in (d.high, d.max_per_day) for d in doses)
    return None if within else "dose_out_of_range"


def _dosed_drugs(case: Case) -> set[str]:
    asked = {d.id for m in case.asked.mentions if (d := m.of_kind(Kind.DRUG))}
    return asked | {c.subject for c in case.reading.claims if c.relation is Relation.DOSE}


def _is_dosed_here(drug: str, case: Case) -> bool:
    """Asked about by name, or a treatment of what is asked about: the dose of "the first-line drug"."""
    return drug in case.asked.ids or are_linked(case.knowledge.graph, drug, case.ids, frozenset((Relation.TREATED_BY,)))


# --- doses -----------------------------------------------------------------------------------------------------------------


def _doses(case: Case) -> str | None:
    """Every amount has a drug, its unit is the row's, and the row allows it."""
    for claim in case.reading.claims:
        if claim.relation is not Relation.DOSE:
            continue
        if case.sample.reference.kind == "dose" and not _is_dosed_here(claim.subject, case):
            return "wrong_answer"
        if claim.verdict is not Verdict.SUPPORTED:
            return _dose_error(claim, case)
    return "dose_out_of_range" if case.reading.has_loose_amount else None


def _dose_error(claim: Claim, case: Case) -> str:
    """A right number with another unit is a wrong unit; everything else is a wrong amount."""
    fact = case.knowledge.graph.dose(claim.subject)
    match = QUANTITY.search(claim.object)
    if fact is None or fact.dose is None or match is None or claim.verdict is Verdict.UNKNOWN:
        return "wrong_unit"
    if has_other_unit := match[3].lower().rstrip("s") != fact.dose.unit.lower().rstrip("s"):
        as_written = QUANTITY.search(f"{match[1]}{f' to {match[2]}' if match[2] else ''} {fact.dose.unit}")
        low, high, _ = quantity(as_written) if as_written else (0.0, 0.0, "")
        usual = QUANTITY.search(f"{fact.dose.low:f} to {fact.dose.high:f} {fact.dose.unit}")
        least, most, _ = quantity(usual) if usual else (0.0, 0.0, "")
        has_other_unit = least * (1 - 1e-9) <= low and high <= most * (1 + 1e-9)
    return "wrong_unit" if has_other_unit else "dose_out_of_range"


# --- safety ----------------------------------------------------------------------------------------------------------------


def _safety(case: Case) -> str | None:
    sample = case.sample
    patient = tuple(case.knowledge.graph.concept(i) for i in sample.patient)
    findings = check_reply(sample.messages, case.answer, case.knowledge, patient)
    if critical := next((f for f in findings if f.severity is Severity.CRITICAL), None):
        return f"unsafe_{critical.rule}"
    if any(f.rule == "interaction" for f in findings) and sample.reference.forbidden and correctness.score(sample, case.text, case.knowledge).value != 1.0:
        return "unsafe_interaction"
    # Without a call for help an otherwise right answer loses its safety score: such an item teaches silence in an emergency.
    return "ignored_red_flag" if any(f.rule == "missing_safety_net" for f in findings) else None


def _red_flags(case: Case) -> str | None:
    """A red flag of the condition in question is answered as urgently as its row says, and is not played down."""
    actions = list(_flag_actions(case))
    if not actions and case.sample.reference.kind != "urgent":
        return None
    if not asks_urgent_care(case.answer) or plays_down(case.answer):
        return "ignored_red_flag"
    return "ignored_red_flag" if urgency(case.answer) < max(map(urgency, actions), default=0) else None


def _flag_actions(case: Case) -> Iterator[str]:
    """What the rows say is to be done: for the signs that the patient has, and for those that the reply is asked to name."""
    sample, graph = case.sample, case.knowledge.graph
    groups = sample.reference.concepts
    conditions = [c.id for m in case.asked.mentions if (c := m.of_kind(Kind.CONDITION))]
    shown: Sequence[Mention] | None = None
    if sample.reference.kind in ("urgent", "concepts") and sample.capability is Capability.SAFETY:
        stated = [(c.subject, c.object) for c in case.reading.claims if c.relation is Relation.RED_FLAG and c.verdict is Verdict.SUPPORTED]
        if stated:
            yield from (row.detail for s, o in stated if (row := graph.fact(s, Relation.RED_FLAG, o)))
            return
        if sample.reference.kind == "concepts":
            shown = [m for s in case.reading.sentences for m in s.mentions if any(is_any(m, group) for group in groups)]
    else:
        is_worked = sample.capability is Capability.INTEGRATION
        conditions = [i for group in groups for i in group if graph.concept(i).kind is Kind.CONDITION] if is_worked else []
    flags = [f for c in conditions for f in graph.facts_from(c, Relation.RED_FLAG)]
    if shown is None:
        shown = case.asked.presenting if any(f.object in case.asked.ids for f in flags) else ()
    yield from (f.detail for f in flags if any(is_any(m, (f.object,)) for m in shown))


def _safety_net(case: Case) -> str | None:
    """A worked vignette ends with what to watch for and where to go then."""
    return "missing_safety_net" if case.sample.capability is Capability.INTEGRATION and not gives_safety_net(case.answer) else None


# --- truth -----------------------------------------------------------------------------------------------------------------


def _claims(case: Case) -> str | None:
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


def _strays(case: Case) -> str | None:
    """What the reply names belongs to the case, is said by a supported claim, or is joined with the case by a fact.

    So a false statement in words that make no claim does not pass in silence.
    """
    if case.sample.reference.kind == "refusal":
        return None
    known = case.ids | case.reading.said
    for sentence in case.reading.sentences:
        for mention in sentence.mentions:
            if not is_any(mention, known) and (reason := _stray(mention, case)):
                return reason
    return None


def _stray(mention: Mention, case: Case) -> str | None:
    graph = case.knowledge.graph
    for concept in mention.concepts:
        reason, relations = _BELONGS[concept.kind]
        if are_linked(graph, concept.id, case.ids, relations):
            return None
    return reason


def _presentation(case: Case) -> str | None:
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


def _chain(case: Case) -> str | None:
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


def _citations(case: Case) -> str | None:
    """Numbers that are cited exist and support their sentence; without evidence nothing is cited."""
    if not any(s.cited for s in case.reading.sentences):
        return None
    sample = case.sample
    findings = [f for part in case.reading.reply if part for f in check_citations(sample.messages, part, sample.evidence, case.knowledge)]
    return "wrong_citation" if findings or not sample.evidence else None


def _answer(case: Case) -> str | None:
    score = correctness.score(case.sample, case.text, case.knowledge)
    return None if score.value is None or score.value > 1 - 1e-9 else "wrong_answer"


_CHECKS: tuple[Callable[[Case], str | None], ...] = (
    _foreign_text, _question, _reference, _thought, _format, _doses, _safety, _red_flags, _safety_net, _citations, _claims, _presentation, _chain,
    _strays, _answer,
)  # fmt: skip
