"""A number with its unit, right within a range: "0.5 g" where 500 to 1000 mg are asked for."""

from core.knowledge.quantities import QUANTITY, amounts, quantity
from core.types import Reference
from evals.scorers.naming import is_denied

TOLERANCE = 0.01
"""Of the bounds: what rounding to two figures changes (63 micrograms for 62.5). Ten percent would be another dose."""


def score_amount(reference: Reference, answer: str) -> tuple[float, str]:
    """1 when every amount lies within the range, in whatever unit of its dimension; each other amount is one answer more beside it.

    However many right ones there are, they are one answer: a range is not hit better by more amounts, and a list of amounts must not
    outvote its wrong ones. A number without its unit is no amount, and one that is denied ("not 500 mg") is not given.
    """
    expected = next(QUANTITY.finditer(f"{reference.low:.12f} to {reference.high:.12f} {reference.unit}"), None)
    given = {quantity(m): m[0] for m in amounts(answer) if not is_denied(answer, m.start(), m.end())}
    if expected is None or not given:
        return 0.0, "gives no quantity"
    low, high, unit = quantity(expected)
    wrong = [text for q, text in given.items() if q[2] != unit or q[0] < low * (1 - TOLERANCE) or q[1] > high * (1 + TOLERANCE)]
    asked = f"{reference.low:g} to {reference.high:g} {reference.unit}"
    if len(wrong) == len(given):
        return 0.0, f"not within {asked}: {', '.join(wrong[:5])}"
    return 1 / (1 + len(wrong)), f"within {asked}" + (f", beside {', '.join(wrong[:5])}" if wrong else "")
