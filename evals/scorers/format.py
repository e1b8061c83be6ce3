"""Verifiable instructions: each check is a yes-or-no function of the answer's text, named by `Check.kind`."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import BadInput
from core.knowledge import Knowledge
from core.reply import split_reply
from core.types import Check, Item, Score

_BULLET = re.compile(r"^\s*[-*•]\s+\S", re.M)


def _json_keys(answer: str, keys: list[str]) -> bool:
    try:
        value = json.loads(answer)
    except ValueError:
        return False
    return isinstance(value, dict) and set(value) == set(keys) and all(str(v).strip() for v in value.values())


def _bullets(answer: str, n: int) -> bool:
    lines = [line for line in answer.splitlines() if line.strip()]
    return len(lines) == n and len(_BULLET.findall(answer)) == n


def _all_caps(answer: str) -> bool:
    return any(c.isalpha() for c in answer) and answer == answer.upper()


def _lower_case(answer: str) -> bool:
    return any(c.isalpha() for c in answer) and answer == answer.lower()


def _max_words(answer: str, n: int) -> bool:
    return len(answer.split()) <= n


def _starts_with(answer: str, text: str) -> bool:
    return answer.lower().startswith(text.lower())


def _ends_with(answer: str, text: str) -> bool:
    return answer.rstrip(".! ").lower().endswith(text.rstrip(".! ").lower())


def _one_sentence(answer: str) -> bool:
    return len(re.findall(r"[.!?](?=\s+\S|\s*$)", answer)) == 1 and answer.rstrip().endswith((".", "!", "?")) and "\n" not in answer.strip()


def _has_sections(answer: str, titles: list[str]) -> bool:
    positions = [answer.lower().find(f"{title.lower()}:") for title in titles]
    return -1 not in positions and positions == sorted(positions)


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
    args: dict[str, Any] = dict(check.args)
    try:
        return checker(answer, **args)
    except TypeError as error:
        raise BadInput(f"Check {check.kind!r}: {error}") from None


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Share of the checks passed; an empty answer passes none. Unscored when nothing was asked of the form."""
    if not item.checks:
        return Score(name="format", explanation="no format was asked for")
    answer = split_reply(reply).answer
    failed = [c.kind for c in item.checks if not answer or not passes(c, answer)]
    value = 1 - len(failed) / len(item.checks)
    return Score(name="format", value=value, explanation=f"failed: {', '.join(failed)}" if failed else "all checks passed")
