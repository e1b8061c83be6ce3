"""De-identification: what is stored names no patient. Runs before the first write of a turn or a judgement.

Rules over the direct identifiers of the HIPAA Safe Harbor list (45 CFR 164.514(b)(2)) that have a recognisable form: names behind a
title or an introduction, telephone and record numbers, cards and accounts, e-mail and web addresses, IP addresses, dates, street
addresses, postcodes behind their word. Names without any cue are not recognised: the page tells users not to enter them. Doses,
ranges and laboratory values must survive, because a judgement without them teaches nothing.
"""

import re

_LETTERS = [chr(code) for code in range(0x530) if chr(code).isalpha()]  # Latin, Greek, Cyrillic
_UPPER, _LOWER = "".join(c for c in _LETTERS if c.isupper()), "".join(c for c in _LETTERS if c.islower())
_WORD = rf"[{_UPPER}](?:[{_LOWER}'’]|[{_UPPER}](?=[{_LOWER}]))+"  # Smith, O'Brien, McDonald
_PARTICLE = r"(?:(?:van|von|der|den|de|del|di|da|dos|la|le|bin|al)[ \t]+){0,3}"
_NAME = rf"{_PARTICLE}{_WORD}(?:-{_WORD})?(?:[ \t]+(?:[{_UPPER}]\.?(?![\w])|{_PARTICLE}{_WORD}(?:-{_WORD})?)){{0,4}}"
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_STREET = r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Close|Place|Crescent|Terrace|Square|Parkway|Highway)"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_NO_UNIT = r"(?!\s*(?i:mg|mcg|µg|g|kg|ml|l|mmol|units?|iu|mm|cm|ms|kcal|cells|x\s*10)\b)(?!\s*[%/])(?!\w)"

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[EMAIL]", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    ("[URL]", re.compile(r"\b(?:https?://|www\.)\S+")),
    ("[IP]", re.compile(r"\b(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4})\b")),
    ("[ID]", re.compile(r"(?i)\b(?:MRN|NHS(?: number)?|SSN|record number|hospital number|patient id)\b[:#\s]{0,5}[A-Z]{0,3}[\d -]{4,20}\d")),
    ("[ID]", re.compile(r"(?i)\b(?:licen[cs]e|account|card|policy|passport)(?:\s+(?:number|no\.?|#)){0,2}[\s:]{0,5}(?:is\s{1,5})?[A-Z]{0,2}\d{5,}\b")),
    ("[ID]", re.compile(r"\b\d{3,4}-\d{2}-\d{4}\b")),
    ("[ID]", re.compile(r"\b(?:\d{4}[ -]){3}\d{1,4}\b|\b[A-Za-z]{2}\d{2}[A-Za-z]{4}\d{6,}\b|\b[A-Z]{0,2}\d{9,}\b")),
    ("[DATE]", re.compile(rf"\b(?:{_DAY}\s+(?:of\s+)?{_MONTH}\b\.?(?:,?\s+\d{{4}}\b)?|{_MONTH}\.?\s+(?:{_DAY}(?:,?\s+\d{{4}})?|\d{{4}})\b)")),
    ("[DATE]", re.compile(r"\b(?:\d{1,2}([/.-])\d{1,2}\1(?:19|20)?\d{2}|(?:19|20)\d{2}([/.-])\d{1,2}\2\d{1,2})\b")),
    # With a plus or a nought in front any grouping will do; else the groups must look like a telephone's and be no range or dose.
    ("[PHONE]", re.compile(rf"(?<![\w.,])(?:\+\d|\(?0\d)(?:[ .()-]{{0,3}}\d){{6,13}}(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?{_NO_UNIT}")),
    (
        "[PHONE]",
        re.compile(rf"(?<![\w.,-])(?:\(\d{{2,5}}\)[ .-]?\d{{2,4}}(?:[ .-]?\d{{2,4}}){{1,3}}|\d{{3}}-\d{{4}})(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?{_NO_UNIT}"),
    ),
    ("[PHONE]", re.compile(rf"(?<![\w.,])(?:1[ .-])?\d{{3,5}}[ .-]\d{{3,4}}[ .-]?\d{{3,4}}(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?{_NO_UNIT}")),
    ("[PHONE]", re.compile(r"(?i)\b(?:phone|tel|telephone|mobile|fax|call(?: (?:me|him|her))? (?:at|on))\b[:.\s]*\+?\d[\d .()-]{5,16}\d\b")),
    ("[ADDRESS]", re.compile(rf"\b\d{{1,5}}\s+{_NAME}[ \t]+{_STREET}\b\.?")),
    ("[ADDRESS]", re.compile(r"(?i)\b(?:zip(?: ?code)?|post ?code)\b[\s:]{0,5}(?:is\s{1,5})?(?:\d{3,5}(?:[ -]\d{2,4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b")),
)
# "MS" and "MR" in capitals are diseases.
_TITLED = re.compile(rf"\b([Mm]rs?|Ms|ms(?=\.)|Miss|Mx|MRS|[Dd]r|DR|[Pp]rof(?:essor)?)(?:\.[ \t]*|[ \t]+)(?:{_NAME}|[{_UPPER}]{{2,}}\b)")
_INTRODUCED = re.compile(rf"\b((?i:my name is|i am|i'm|patient name:?|patient:|user:|named|name is|name:))[ \t]+{_NAME}")


def deidentify(text: str) -> str:
    """`text` with recognised identifiers replaced by their kind in brackets. Applying it twice changes nothing more."""
    # A replacement can lay bare what stood beside it. Each pass that changes something leaves fewer letters and digits to change.
    while (cleaned := _replaced(text)) != text:
        text = cleaned
    return text


def _replaced(text: str) -> str:
    for placeholder, pattern in _RULES:
        text = pattern.sub(placeholder, text)
    text = _TITLED.sub(r"\1 [NAME]", text)
    return _INTRODUCED.sub(r"\1 [NAME]", text)
