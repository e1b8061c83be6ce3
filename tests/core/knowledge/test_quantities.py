"""Amounts and schedules as text says them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.knowledge.quantities import QUANTITY, Times, quantity, times_per_day

ONES = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
    "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(n: int) -> str:
    if n < 20:
        return ONES[n - 1]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{ONES[n % 10 - 1]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100 - 1]} hundred" + (f" and {in_words(n % 100)}" if n % 100 else "")
    return f"{in_words(n // 1000)} thousand" + (f" {in_words(n % 1000)}" if n % 1000 else "")


def read(text: str) -> tuple[float, float, str]:
    match = QUANTITY.search(text)
    assert match is not None, text
    return quantity(match)


@given(st.integers(1, 9999))
def test_a_number_in_words_is_the_number(n: int) -> None:
    assert read(f"take {in_words(n)} milligrams") == read(f"take {n} mg") == (n, n, "mg")


@given(st.floats(0.01, 900), st.sampled_from([("g", 1000.0), ("micrograms", 0.001), ("mcg", 0.001), ("mg", 1.0)]))
def test_masses_are_compared_in_milligrams(amount: float, unit: tuple[str, float]) -> None:
    assert read(f"{amount:.3f} {unit[0]}")[0] == pytest.approx(float(f"{amount:.3f}") * unit[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4,000 mg", (4000, 4000, "mg")),
        ("2,5 mg", (2.5, 2.5, "mg")),
        ("500-1000 mg", (500, 1000, "mg")),
        ("one to two tablets", (1, 2, "tablet")),
        ("half a tablet", (0.5, 0.5, "tablet")),
        ("two and a half tablets", (2.5, 2.5, "tablet")),
        ("zero point five mg", (0.5, 0.5, "mg")),
        ("2.4 million units", (2.4e6, 2.4e6, "unit")),
        ("2,400,000 IU", (2.4e6, 2.4e6, "unit")),
        ("two puffs", (2, 2, "puff")),
        ("2 inhalations", (2, 2, "puff")),
        ("3 drops", (3, 3, "drop")),
        ("one sachet", (1, 1, "sachet")),
        ("2 suppositories", (2, 2, "suppository")),
        ("2 patches", (2, 2, "patch")),
        ("15 mg/kg", (15, 15, "mg/kg")),
        ("two 500 mg tablets", (1000, 1000, "mg")),
        ("2 x 500 mg tablets", (1000, 1000, "mg")),
    ],
)
def test_amounts(text: str, expected: tuple[float, float, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize("text", ["5 days", "twice daily", "a 54-year-old man", "5 mgs of", "grams of fun", "one of them", "in 2 hours"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert QUANTITY.search(text) is None


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("once daily", (1, 1)),
        ("twice a day", (2, 2)),
        ("two or three times daily", (2, 3)),
        ("3 times per day", (3, 3)),
        ("every 8 hours", (3, 3)),
        ("every 4 to 6 hours", (4, 6)),
        ("every six hours", (4, 4)),
        ("8-hourly", (3, 3)),
        ("q12h", (2, 2)),
        ("every other day", (0.5, 0.5)),
        ("once weekly", (1 / 7, 1 / 7)),
        ("every 2 weeks", (1 / 14, 1 / 14)),
        ("tds", (3, 3)),
        ("b.d.", (2, 2)),
        ("at bedtime", (1, 1)),
        ("up to four times daily", (0, 4)),
        ("every 4 hours as needed", (0, 6)),
        ("hourly", (24, 24)),
        ("orally, hourly", (24, 24)),
        ("8 times in 24 hours", (8, 8)),
        ("up to eight times in any 24-hour period", (0, 8)),
        ("maximum 10 doses a day", (10, 10)),
        ("three doses in 24 hours", (3, 3)),
    ],
)
def test_schedules(text: str, times: tuple[float, float]) -> None:
    read_times = times_per_day(text)
    assert read_times is not None
    assert read_times[:2] == pytest.approx(times)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "single dose",
        "with food",
        "after each loose stool",
        "with hourly observations",
        "hourly urine output",
        "0 hourly",
        "every 0 hours",
        "every ſix hours",
        "every 2 mınutes",
    ],
)
def test_what_says_nothing_of_how_often_is_none(text: str) -> None:
    assert times_per_day(text) is None


def test_a_bare_daily_may_be_the_total() -> None:
    assert times_per_day("daily") == Times(1, 1, is_total=True)


@pytest.mark.parametrize("text", ["in four doses a day", "in two to four divided doses daily", "as two doses per day"])
def test_doses_that_divide_a_total_do_not_say_how_often_it_is_taken(text: str) -> None:
    often = times_per_day(text)
    assert often is None or often.is_total


@pytest.mark.parametrize("unit", ["one ", "1", "1,000 ", "hundred and ", "half a "])
def test_a_long_run_of_numbers_takes_time_that_grows_with_its_length(unit: str) -> None:
    assert QUANTITY.search(unit * 5000) is None
