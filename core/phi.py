"""De-identification: what is stored names no patient. Runs before the first write of a turn or a judgement.

Rules over the direct identifiers of the HIPAA Safe Harbor list (45 CFR 164.514(b)(2)) that have a recognisable form: names behind a
title or an introduction, telephone and record numbers, e-mail and web addresses, IP addresses, full dates, postcodes behind a
street address. Names without any cue are not recognised: the page tells users not to enter them.
"""

import re

_NAME = r"[A-Z][a-z]+(?:[-'][A-Z][a-z]+)?(?:\s+[A-Z](?:\.|[a-z]+(?:[-'][A-Z][a-z]+)?))*"
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[EMAIL]", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")),
    ("[URL]", re.compile(r"\b(?:https?://|www\.)\S+")),
    ("[IP]", re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")),
    ("[ID]", re.compile(r"(?i)\b(?:MRN|NHS(?: number)?|SSN|record number|hospital number|patient id)\b[:#\s]*[A-Z]{0,3}[\d -]{4,}\d")),
    ("[ID]", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    ("[DATE]", re.compile(rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}\.?,?\s+\d{{4}}|{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}})\b")),
    ("[DATE]", re.compile(r"\b(?:\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)?\d{2}|(?:19|20)\d{2}-\d{2}-\d{2})\b")),
    (
        "[PHONE]",
        re.compile(r"(?<![\w.])(?:\+\d{1,3}[\s.-]?)?(?:\(\d{2,5}\)[\s.-]?)?\d{3,5}[\s.-]\d{3,4}(?:[\s.-]?\d{3,4})?(?!\s*(?:mg|g|ml|mmol|units?)\b)(?![\w])"),
    ),
    ("[ADDRESS]", re.compile(rf"\b\d{{1,5}}\s+{_NAME}\s+(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd)\b\.?")),
)
_TITLED = re.compile(rf"\b(Mr|Mrs|Ms|Miss|Dr|Prof)\.?\s+{_NAME}")
_INTRODUCED = re.compile(rf"\b((?i:my name is|patient name:?|patient:|named|name is|name:))\s+{_NAME}")


def deidentify(text: str) -> str:
    """`text` with recognised identifiers replaced by their kind in brackets. Applying it twice changes nothing more."""
    for placeholder, pattern in _RULES:
        text = pattern.sub(placeholder, text)
    text = _TITLED.sub(r"\1 [NAME]", text)
    return _INTRODUCED.sub(r"\1 [NAME]", text)
