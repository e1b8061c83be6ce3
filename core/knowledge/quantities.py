"""Amounts and how often they are taken, read from text: "500 mg", "two tablets", "five hundred milligrams every 8 hours", "2 g a day".

Masses are compared in mg, volumes in ml, everything else in its own unit. An amount for a weight or a volume ("15 mg/kg") has a unit of
its own: nothing in the graph compares with it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from core.knowledge.graph import Dose

_MASS = {"nanogram": 1e-6, "ng": 1e-6, "microgram": 1e-3, "mcg": 1e-3, "ug": 1e-3, "µg": 1e-3, "μg": 1e-3, "mg": 1.0, "milligram": 1.0}
_MASS |= {"g": 1e3, "gm": 1e3, "gram": 1e3, "gramme": 1e3, "kg": 1e6}
_VOLUME = {"ml": 1.0, "millilitre": 1.0, "milliliter": 1.0, "l": 1e3, "litre": 1e3, "liter": 1e3}
_SAME = {"iu": "unit", "international unit": "unit", "tab": "tablet", "pill": "tablet", "cap": "capsule", "inhalation": "puff", "actuation": "puff"}
_SMALL = {
    w: i
    for i, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()  # noqa: SIM905  # words read better so
    )
}
_TENS = {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}  # noqa: SIM905  # words read better so
_SCALES = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}
_VALUES: dict[str, float] = {**_SMALL, "nought": 0, **_TENS}

_WORD = rf"(?:{'|'.join((*_VALUES, *_SCALES))})"
# At most nine words: a longer run of number words is no amount, and costs quadratic time.
_IN_WORDS = rf"\b(?:half(?:\s+an?)?|{_WORD}(?:[\s-]+(?:(?:and|point)\s+)?(?:a\s+)?(?:{_WORD}|half)){{0,8}})(?:\s+an?)?"
_THOUSANDS = r"\d{1,3}(?:,\d{3})+(?!\d)"
_DIGITS = rf"(?:{_THOUSANDS}(?:\.\d+)?|\d+(?:[.,]\d+)?)(?:\s+(?:hundred|thousand|million)\b)?"
NUMBER = rf"(?:{_DIGITS}|{_IN_WORDS})"
_UNIT = (
    r"micrograms?|nanograms?|mcg|ug|[µμ]g|ng|mg|milligram(?:me)?s?|grams?|grammes?|gm|kg|g|(?:international\s+)?units?|iu|ml|millilit(?:re|er)s?|lit(?:re|er)s?|l"
    r"|mmol|tablets?|tabs?|capsules?|caps?|pills?|drops?|puffs?|inhalations?|actuations?|sachets?|sprays?|suppositor(?:y|ies)|pessar(?:y|ies)|patch(?:es)?"
    r"|lozenges?|ampoules?|vials?|applications?|spoonfuls?"
)


def _quantity_of(number: str) -> re.Pattern[str]:
    # Begins only where a number begins: else a long run of digits costs quadratic time.
    return re.compile(
        rf"(?<![\d.,])({number})(?:\s*(?:-|–|\bto\b|\bor\b)\s*({number}))?[\s-]*({_UNIT})\b"
        r"(?:\s*(?:/|per\b)\s*(\d*\s*(?:kg|kilograms?|m2|ml|l|h|hours?|min(?:ute)?s?)\b))?",
        re.I,
    )


QUANTITY = _quantity_of(NUMBER)
_IN_DIGITS = _quantity_of(_DIGITS)
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[a-z]+")
_NUMBER_WORDS = frozenset((*_VALUES, *_SCALES, "half"))
# "Two 500 mg tablets", "2 x 500 mg": so many of the strength.
_TIMES = re.compile(rf"(?<![\d.,])({NUMBER})\s*(?:x|×)?\s+$", re.I)
PRODUCT = r"(?:tablets?|tabs?|capsules?|caps?|pills?|sachets?|suppositor(?:y|ies)|patch(?:es)?|ampoules?|vials?)"
_OF_PRODUCT = re.compile(rf"[\s-]*{PRODUCT}(?<=s)\b", re.I)


def amounts(text: str) -> Iterator[re.Match[str]]:
    """Every `QUANTITY` of the text. Most sentences have no number, or none in words, and that is seen before the slow search."""
    if not _NUMBER_WORDS.isdisjoint(_LETTERS.findall(text.lower())):
        yield from QUANTITY.finditer(text)
    elif _DIGIT.search(text):
        yield from _IN_DIGITS.finditer(text)


def quantity(match: re.Match[str]) -> tuple[float, float, str]:
    """Lowest and highest number of a `QUANTITY` match, in mg, ml or its own unit, and that unit."""
    low = number(match[1])
    high = number(match[2]) if match[2] else low
    factor, unit = _unit(match[3])
    if match[4]:
        return low * factor, high * factor, f"{unit}/{match[4].lower()}"
    if _OF_PRODUCT.match(match.string, match.end()) and (times := _TIMES.search(match.string, max(0, match.start() - 24), match.start())):
        factor *= number(times[1])
    return low * factor, high * factor, unit


@lru_cache(maxsize=256)
def _unit(written: str) -> tuple[float, str]:
    """Factor and common unit of a unit as written."""
    unit = " ".join(written.lower().split())
    if unit not in _MASS and unit not in _VOLUME:
        unit = unit.removesuffix("ies") + "y" if unit.endswith("ies") else unit.removesuffix("es") if unit == "patches" else unit.removesuffix("s")
    unit = _SAME.get(unit, unit)
    if unit in _MASS or unit.removesuffix("me") in _MASS:
        return _MASS.get(unit, _MASS.get(unit.removesuffix("me"), 1.0)), "mg"
    return (_VOLUME[unit], "ml") if unit in _VOLUME else (1.0, unit)


def number(text: str) -> float:
    """ "4,000" is four thousand: read as a decimal it would hide an overdose. "2,5" is two and a half. "2.4 million" and words are read too."""
    digits = re.match(rf"{_THOUSANDS}(?:\.\d+)?|\d+(?:[.,]\d+)?", text)
    if digits is None:
        return _in_words(text)
    scale = _SCALES.get(text[digits.end() :].strip().lower(), 1.0)
    return scale * float(digits[0].replace(",", "") if re.match(_THOUSANDS, digits[0]) else digits[0].replace(",", "."))


def _in_words(text: str) -> float:
    total, current, decimals = 0.0, 0.0, ""
    for word in re.findall(r"[a-z]+", text.lower()):
        if word == "point":
            decimals = "0."
        elif decimals and word in _VALUES:
            decimals += f"{_VALUES[word]:g}"
        elif word == "half":
            current += 0.5
        elif word == "hundred":
            current = (current or 1.0) * 100
        elif word in _SCALES:
            total, current = total + (current or 1.0) * _SCALES[word], 0.0
        else:
            current += _VALUES.get(word, 0)
    return total + current + (float(decimals) if decimals else 0.0)


# --- how often ---------------------------------------------------------------------------------------------------------


class Times(NamedTuple):
    """How often a day, at least and at most. `is_total`: the amount may also be that of the whole day ("2 g daily")."""

    low: float
    high: float
    is_total: bool = False


_COUNT = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PERIODS = {"minute": 1 / 1440, "hour": 1 / 24, "hr": 1 / 24, "h": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}
_PER = r"(?:minute|hour|hr|h|day|week|month|year)s?"
# ASCII: else "ſix" is found too, as a way to write "six".
# "1 g hourly", but not "with hourly observations".
_HOURLY = re.compile(
    r"[\s,(]*(?:(?:orally|oral|by mouth|po|p\.o\.|iv|i\.v\.|im|sc|given|taken|tablets?|capsules?|prn|as needed|up to)[\s,]+)*hourly\b"
    r"(?! (?:obs\b|observ|check|monitor|urin|gluc|review|round|measure|vital))",
    re.I | re.A,
)
_EVERY = re.compile(rf"\b(?:every|each|q)\s*({_COUNT}|other)?(?:\s*(?:to|or|-|–)\s*({_COUNT}))?\s*({_PER})\b|\b({_COUNT})[- ]hourly\b", re.I | re.A)
_OFTEN = re.compile(
    rf"\b(once|twice|thrice|({_COUNT})(?:\s*(?:to|or|-|–)\s*({_COUNT}))?\s*(?:times|x))[\s/-]*(?:(?:in\s+)?(?:a|an|any|per|each|every|in)\s+)?"
    r"(24[\s-]?(?:h|hrs?|hours?)|daily|weekly|monthly|yearly|day|week|month|year)\b",
    re.I | re.A,
)
# "Maximum 10 doses a day" says how often; "2 g in four doses a day" divides a total.
_DOSES = re.compile(
    rf"\b(?:(in|into|over|as)\s+)?({_COUNT})(?:\s*(?:to|or|-|–)\s*({_COUNT}))?\s+(?:(divided|equal)\s+)?doses\s+"
    r"(?:(?:in\s+)?(?:a|any|per|each|every|in)\s+)?(?:daily|day|24[\s-]?(?:h|hrs?|hours?))\b",
    re.I | re.A,
)
_ABBREVIATED = {"od": 1, "qd": 1, "om": 1, "on": 1, "nocte": 1, "bd": 2, "bid": 2, "b.i.d.": 2, "tds": 3, "tid": 3, "t.i.d.": 3, "qds": 4, "qid": 4}
_LATIN = re.compile(r"\b(o\.?d|q\.?d|nocte|b\.?d|b\.?i\.?d|t\.?d\.?s|t\.?i\.?d|q\.?d\.?s|q\.?i\.?d)\b\.?", re.I)
_NIGHTLY = re.compile(r"\bat (?:night|bedtime)\b|\bnightly\b|\b(?:each|every|in the) (?:morning|evening)\b", re.I)
_BARE = re.compile(r"(?:\b(?:daily|(?:a|per|each|in a) (?:day|24 hours)|in 24 hours)|/\s*(?:day|24\s*h))\b|\b(weekly|(?:a|per) week)\b", re.I)


@lru_cache(maxsize=2048)
def times_per_day(text: str) -> Times | None:
    """How often a day `text` says; None when it says nothing that can be read. "Up to four times daily" is none to four."""
    at_least = 0.0 if re.search(r"\b(?:up to|as needed|if needed|when required|prn|at most|no more than)\b", text, re.I) else 1.0
    if found := _EVERY.search(text):
        if found[4]:
            hours = _count(found[4])
            return Times(24 / hours * at_least, 24 / hours) if hours else None
        least = 2.0 if (found[1] or "").lower() == "other" else _count(found[1]) if found[1] else 1.0
        most, period = _count(found[2]) if found[2] else least, _PERIODS[found[3].lower().rstrip("s")]
        return Times(at_least / (most * period), 1 / (least * period)) if least and most else None
    if found := _OFTEN.search(text):
        word = found[1].lower()
        low = {"once": 1.0, "twice": 2.0, "thrice": 3.0}.get(word) or _count(found[2])
        high = _count(found[3]) if found[3] else low
        period = {"24": 1.0, "da": 1.0, "we": 7.0, "mo": 30.0, "ye": 365.0}[found[4][:2].lower()]
        return Times(low * at_least / period, high / period)
    if (found := _DOSES.search(text)) and not found[1] and not found[4]:
        return Times(_count(found[2]) * at_least, _count(found[3] or found[2]))
    if _HOURLY.match(text):
        return Times(24.0 * at_least, 24.0)
    if found := _LATIN.search(text):
        often = _ABBREVIATED[found[1].lower().replace(".", "")]
        return Times(often * at_least, often)
    if _NIGHTLY.search(text):
        return Times(at_least, 1.0)
    if found := _BARE.search(text):
        return Times(at_least / 7, 1 / 7) if found[1] else Times(at_least, 1.0, is_total=True)
    return None


def _count(word: str) -> float:
    return float(word) if word.isdigit() else _VALUES[word.lower()]


# --- against the graph -------------------------------------------------------------------------------------------------

_TOTAL = re.compile(r"\b(?:max(?:imum)?|up to|at most|no more than|not more than|exceed|total|limit)\b[^.;]{0,30}$", re.I)
_PER_DAY = re.compile(r"\b(?:daily|a day|per day|each day|in 24 hours|in a day|per 24 hours)\b|/\s*day\b", re.I)
_SLACK = 1e-9


def in_range(match: re.Match[str], dose: Dose) -> bool | None:
    """Whether the quantity lies within the usual dose; None when the units cannot be compared."""
    low, high, unit = quantity(match)
    factor, common = _unit(dose.unit)
    if unit != common:
        return None
    return dose.low * factor * (1 - _SLACK) <= low and high <= dose.high * factor * (1 + _SLACK)


def is_usual(match: re.Match[str], dose: Dose, before: str, after: str) -> bool | None:
    """Whether the quantity, taken as often as `after` says, is the usual dose; None when it cannot be compared.

    `before` and `after` are the words around it, up to the next drug or quantity. An amount that is said to be the day's maximum or total is compared with
    the daily maximum. Where both the text and the row say how often, the day's total must lie between the least and the most that the row
    allows: "methotrexate 10 mg once daily" is wrong where the row says once weekly.
    """
    _, high, unit = quantity(match)
    factor, common = _unit(dose.unit)
    if unit != common:
        return None
    often = times_per_day(after)
    row, limits = times_per_day(dose.interval), daily_limits(dose)
    says_day = bool(_PER_DAY.search(after) or _PER_DAY.search(before))
    if _TOTAL.search(before) and says_day and (often is None or often.is_total):
        return None if limits is None else high <= limits[1] * factor * (1 + _SLACK)
    within = bool(in_range(match, dose))
    if often is None or row is None or limits is None:
        return within
    if often.high < 0.5 <= 0.5 * row.high:  # weekly where the row says daily, if only as needed
        return False
    fits_the_day = limits[0] * factor * (1 - 1e-6) <= high * often.high and high * often.high <= limits[1] * factor * (1 + 1e-6)
    return fits_the_day and (within or often.is_total)


def exceeds(match: re.Match[str], dose: Dose, after: str, taken: float = 1.0) -> bool:
    """Whether so many of the quantity are above the usual dose and the daily maximum, at once or, taken as often as `after` says, in a day."""
    _, high, unit = quantity(match)
    high *= taken
    factor, common = _unit(dose.unit)
    if unit != common:
        return False
    if high > max(dose.high, dose.max_per_day or 0.0) * factor * (1 + _SLACK):
        return True
    often, limits = times_per_day(after), daily_limits(dose)
    return bool(often and limits and not often.is_total and high * often.high > limits[1] * factor * (1 + 1e-6))


def daily_limits(dose: Dose) -> tuple[float, float] | None:
    """The least and the most of a day in the dose's unit; None where neither interval nor maximum is known."""
    often = times_per_day(dose.interval)
    if often is None:
        return (0.0, dose.max_per_day) if dose.max_per_day else None
    return dose.low * often.low, max(dose.high * often.high, dose.max_per_day or 0.0)
