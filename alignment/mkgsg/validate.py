"""Is what an item says true, safe and answerable? A rejected item carries the reason; nothing is repaired silently."""

from functools import lru_cache

from alignment.mkgsg.generate import Written
from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.knowledge.quantities import QUANTITY
from core.reply import split_reply
from core.safety import check_reply, is_harmful
from core.types import Severity, TrainingSample, Verdict


def reject_reason(written: Written, knowledge: Knowledge) -> str | None:
    """Why the item must not be used, or None. The reasons are stable words: counts by reason are stored with the dataset."""
    sample = written.sample
    return (
        _false_claim(written.completion, knowledge)
        or _unlinked_question(sample, knowledge)
        or _unreadable_dose(sample)
        or _harm_mismatch(sample)
        or _unsafe_reference(sample, split_reply(written.completion).answer, knowledge)
    )


def text_reason(text: str, knowledge: Knowledge) -> str | None:
    """Why a clinician's own text cannot be learnt from: the graph contradicts it. What the graph does not know is let pass."""
    verdicts = {c.verdict for c in check_claims(text, knowledge)}
    return "contradicted_by_graph" if Verdict.CONTRADICTED in verdicts else None


def _false_claim(text: str, knowledge: Knowledge) -> str | None:
    verdicts = _verdicts(text, knowledge)
    if Verdict.CONTRADICTED in verdicts:
        return "contradicted_claim"
    return "unsupported_claim" if Verdict.UNKNOWN in verdicts else None


@lru_cache(maxsize=50_000)
def _verdicts(text: str, knowledge: Knowledge) -> frozenset[Verdict]:
    """Cached, as reference replies repeat across the wordings of a case."""
    return frozenset(c.verdict for c in check_claims(text, knowledge))


def _unlinked_question(sample: TrainingSample, knowledge: Knowledge) -> str | None:
    """What the item says of the patient must be readable in the question, else no model could answer it."""
    mentioned = {c.id for message in sample.messages for m in knowledge.linker.mentions(message.content) for c in m.concepts}
    return None if set(sample.patient) <= mentioned else "unreadable_patient"


def _unreadable_dose(sample: TrainingSample) -> str | None:
    """Tablets, drops and puffs are not read as quantities, so no answer could be scored."""
    reference = sample.reference
    readable = reference.kind != "dose" or QUANTITY.search(f"{reference.low:f} {reference.unit}")
    return None if readable else "unreadable_dose"


def _harm_mismatch(sample: TrainingSample) -> str | None:
    harmful = is_harmful(sample.messages[-1].content)
    return "benign_looks_harmful_to_the_guard" if harmful and sample.reference.kind != "refusal" else None


def _unsafe_reference(sample: TrainingSample, answer: str, knowledge: Knowledge) -> str | None:
    patient = tuple(knowledge.graph.concept(i) for i in sample.patient)
    findings = check_reply(sample.messages, answer, knowledge, patient)
    if any(f.severity is Severity.CRITICAL for f in findings):
        return f"unsafe_{next(f.rule for f in findings if f.severity is Severity.CRITICAL)}"
    # Without a safety-net an otherwise right answer loses its safety score: such an item teaches silence in an emergency.
    return "missing_safety_net" if any(f.rule == "missing_safety_net" for f in findings) else None
