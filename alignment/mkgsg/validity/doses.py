"""Does every amount have a drug, its unit, and a size that the row allows?"""

from alignment.mkgsg.validity.asked import is_dosed_here
from alignment.mkgsg.validity.case import Case
from core.knowledge.quantities import QUANTITY, quantity
from core.types import Claim, Relation, Verdict


def doses(case: Case) -> str | None:
    """Every amount has a drug, its unit is the row's, and the row allows it."""
    for claim in case.reading.claims:
        if claim.relation is not Relation.DOSE:
            continue
        if case.sample.reference.kind == "dose" and not is_dosed_here(claim.subject, case):
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
