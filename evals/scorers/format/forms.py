"""The starter's forms: stricter than IFEval's, so that no reply earns them without answering (an empty field, the same bullet twice)."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from evals.scorers.format.arguments import Count, Text, Texts

_BULLET = re.compile(r"^\s*[-*•]\s+\S", re.M)


def _json_keys(answer: str, keys: Texts) -> bool:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):  # a reply of ten thousand brackets is no JSON that anyone asked for
        return False
    return isinstance(value, dict) and set(value) == set(keys) and all(_says_something(v) for v in value.values())


def _says_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value) or (isinstance(value, int | float) and not isinstance(value, bool))


def _bullets(answer: str, n: Count) -> bool:
    """`n` bullets and nothing else, each different: the same one twice is one."""
    lines = {line.strip().rstrip(".;,").lower() for line in answer.splitlines() if line.strip()}
    return len(lines) == n == len(_BULLET.findall(answer)) == sum(bool(line.strip()) for line in answer.splitlines())


def _all_caps(answer: str) -> bool:
    return any(c.isalpha() for c in answer) and answer == answer.upper()


def _lower_case(answer: str) -> bool:
    return any(c.isalpha() for c in answer) and answer == answer.lower()


def _max_words(answer: str, n: Count) -> bool:
    return len(answer.split()) <= n


def _starts_with(answer: str, text: Text) -> bool:
    return answer.lower().startswith(text.lower())


def _ends_with(answer: str, text: Text) -> bool:
    return answer.rstrip(".! \n").lower().endswith(text.rstrip(".! ").lower())


def _one_sentence(answer: str) -> bool:
    return len(re.findall(r"[.!?](?=\s+\S|\s*$)", answer)) == 1 and answer.rstrip().endswith((".", "!", "?")) and "\n" not in answer.strip()


def _has_sections(answer: str, titles: Texts) -> bool:
    """Each title once, in order, at the start of a line or sentence, and something under it."""
    found = [list(re.finditer(rf"(?:^|[\n.;!?]\s*|[*#]\s*){re.escape(title)}\**:\**", answer, re.I)) for title in titles]
    if any(len(matches) != 1 for matches in found):
        return False
    headings = [matches[0] for matches in found]
    ends = [*(h.start() for h in headings[1:]), len(answer)]
    return all(re.search(r"\w", answer[h.end() : end]) for h, end in zip(headings, ends, strict=True))


FORMS: Mapping[str, Callable[..., bool]] = {
    "json_keys": _json_keys,
    "bullets": _bullets,
    "all_caps": _all_caps,
    "lower_case": _lower_case,
    "max_words": _max_words,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "one_sentence": _one_sentence,
    "has_sections": _has_sections,
}
