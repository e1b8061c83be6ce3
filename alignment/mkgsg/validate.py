"""Is what an item says true, safe and answerable? A rejected item carries the reason; nothing is repaired silently.

Every item passes here, whether a grammar, a teacher model or a clinician wrote it. The order of the checks is from the particular to the
general, so that the reason names what is wrong: a dose that is out of range also makes a false claim, and that says less.
"""

from collections.abc import Callable, Sequence

from alignment.mkgsg.generate import Written
from alignment.mkgsg.validity import asked, doses, form, safety, truth
from alignment.mkgsg.validity.case import Case, read_case
from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.types import Verdict

CHECKS: tuple[Callable[[Case], str | None], ...] = (
    form.foreign_text, asked.question, asked.reference, form.thought, form.form, doses.doses, safety.safety, safety.red_flags, safety.safety_net,
    truth.citations, truth.claims, truth.presentation, truth.chain, truth.strays, truth.answer,
)  # fmt: skip
REASONS = frozenset(
    (
        *truth.UNSUPPORTED.values(), "foreign_text", "wrong_format", "cut_off", "unreadable_patient", "unreadable_dose", "benign_looks_harmful_to_the_guard",
        "answer_in_question", "unsupported_reference", "dose_out_of_range", "unsafe_contraindication", "unsafe_interaction", "unsafe_overdose",
        "ignored_red_flag", "missing_safety_net", "contradicted_claim", "broken_chain", "unsupported_condition", "unsupported_context", "wrong_citation",
        "wrong_answer",
    )
)  # fmt: skip
"""Every reason there is: counts by reason are stored with a dataset."""


def reject_reason(written: Written, knowledge: Knowledge) -> str | None:
    """Why the item must not be used: one of `REASONS`, or None."""
    return reject_reasons((written,), knowledge)[0]


def reject_reasons(batch: Sequence[Written], knowledge: Knowledge) -> list[str | None]:
    """The same for several items: one check after the other over all of them, as a check whose code and tables are at hand takes little more than half
    of its time."""
    cases = [read_case(written.sample, written.completion, knowledge) for written in batch]
    reasons: list[str | None] = [None] * len(cases)
    for check in CHECKS:
        reasons = [reason or check(case) for case, reason in zip(cases, reasons, strict=True)]
    return reasons


def text_reason(text: str, knowledge: Knowledge) -> str | None:
    """Why a clinician's own text cannot be learnt from: the graph contradicts it. What the graph does not know is let pass."""
    verdicts = {c.verdict for c in check_claims(text, knowledge)}
    return "contradicted_by_graph" if Verdict.CONTRADICTED in verdicts else None
