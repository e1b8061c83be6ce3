"""Verifiable instructions: each check is a yes-or-no function of the answer's text, named by `Check.kind`."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from core.errors import BadInput
from core.knowledge import Knowledge
from core.reply import split_reply
from core.types import Check, Item, Score

_BULLET = re.compile(r"^\s*[-*•]\s+\S", re.M)


def _json_keys(answer: str, keys: list[str]) -> bool:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):  # a reply of ten thousand brackets is no JSON that anyone asked for
        return False
    return isinstance(value, dict) and set(value) == set(keys) and all(_says_something(v) for v in value.values())


def _says_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value) or (isinstance(value, int | float) and not isinstance(value, bool))


def _bullets(answer: str, n: int) -> bool:
    """`n` bullets and nothing else, each different: the same one twice is one."""
    lines = {line.strip().rstrip(".;,").lower() for line in answer.splitlines() if line.strip()}
    return len(lines) == n == len(_BULLET.findall(answer)) == sum(bool(line.strip()) for line in answer.splitlines())


def _all_caps(answer: str) -> bool:
    return any(c.isalpha() for c in answer) and answer == answer.upper()


def _lower_case(answer: str) -> bool:
    return any(c.isalpha() for c in answer) and answer == answer.lower()


def _max_words(answer: str, n: int) -> bool:
    return len(answer.split()) <= n


def _starts_with(answer: str, text: str) -> bool:
    return answer.lower().startswith(text.lower())


def _ends_with(answer: str, text: str) -> bool:
    return answer.rstrip(".! \n").lower().endswith(text.rstrip(".! ").lower())


def _one_sentence(answer: str) -> bool:
    return len(re.findall(r"[.!?](?=\s+\S|\s*$)", answer)) == 1 and answer.rstrip().endswith((".", "!", "?")) and "\n" not in answer.strip()


def _has_sections(answer: str, titles: list[str]) -> bool:
    """Each title once, in order, at the start of a line or sentence, and something under it."""
    found = [list(re.finditer(rf"(?:^|[\n.;!?]\s*|[*#]\s*){re.escape(title)}\**:\**", answer, re.I)) for title in titles]
    if any(len(matches) != 1 for matches in found):
        return False
    headings = [matches[0] for matches in found]
    ends = [*(h.start() for h in headings[1:]), len(answer)]
    return all(re.search(r"\w", answer[h.end() : end]) for h, end in zip(headings, ends, strict=True))


CHECKERS: Mapping[str, Callable[..., bool]] = {
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


def passes(check: Check, answer: str) -> bool:
    """Raises BadInput for an unknown check or wrong arguments: an item that cannot be judged must not reach an exam."""
    checker = CHECKERS.get(check.kind)
    if checker is None:
        raise BadInput(f"There is no check {check.kind!r}; known are {', '.join(sorted(CHECKERS))}")
    wanted = {name: kind for name, kind in get_type_hints(checker).items() if name not in ("answer", "return")}
    if wrong := wanted.keys() ^ check.args.keys():
        raise BadInput(f"Check {check.kind!r} takes {', '.join(wanted) or 'no arguments'}; missing or unknown: {', '.join(sorted(wrong))}")
    for name, value in check.args.items():
        if not _fits(value, wanted[name]):
            raise BadInput(f"Check {check.kind!r}: {name} cannot be {value!r}")
    return checker(answer, **check.args)


def _fits(value: Any, kind: Any) -> bool:
    """Nothing empty and nothing below one: such a check would pass, or fail, whatever the reply."""
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if kind is str:
        return isinstance(value, str) and bool(value.strip())
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and v.strip() for v in value)


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Share of the checks passed; an empty answer passes none. Unscored when nothing was asked of the form."""
    if not item.checks:
        return Score(name="format", explanation="no format was asked for")
    answer = split_reply(reply).answer
    failed = [c.kind for c in item.checks if not passes(c, answer) or not answer]
    value = 1 - len(failed) / len(item.checks)
    return Score(name="format", value=value, explanation=f"failed: {', '.join(failed)}" if failed else "all checks passed")
