"""One line of the benchmark table."""

from typing import NamedTuple


class Row(NamedTuple):
    bench: str
    measure: str
    value: float
    unit: str
    bar: str = ""
    """What was asked for, in words (">= 5"); empty: for information."""
    met: bool | None = None
    note: str = ""
