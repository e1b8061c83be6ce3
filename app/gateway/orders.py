"""A tool call in words: the sentences that would order the same, for the clinical rules to read.

A tool that only looks something up may name any drug; whatever else a tool does counts as an order. In doubt it is one.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.recommendation import is_order
from core.types import ToolCall

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LOOKS_UP = frozenset(("get", "list", "search", "find", "check", "look", "lookup", "read", "show", "fetch", "query", "retrieve", "calculate"))
_ACTS = frozenset(
    (
        "give",
        "prescribe",
        "order",
        "start",
        "administer",
        "dispense",
        "take",
        "send",
        "create",
        "add",
        "set",
        "update",
        "submit",
        "continue",
        "change",
        "refill",
    )
)
_UNITS = frozenset(("mg", "g", "mcg", "ug", "ml"))
_AMOUNT = re.compile(r"\d|\b(?:daily|times?|once|twice|every|hourly|weekly|day|night|morning|[btq]\.?d\.?s?|o\.?d|q\.?i\.?d)\b", re.I)


def in_words(call: ToolCall) -> str:
    """What the call says, as sentences. Of a look-up only the orders that stand in its texts."""
    name = [word.lower() for word in _WORDS.findall(call.name)]
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        arguments = call.arguments
    groups = list(_groups(arguments))
    if name and name[0] in _LOOKS_UP and _ACTS.isdisjoint(name[1:]):
        return " ".join(f"{value}." for group in groups for value in group if is_order(value))
    # A verb is no drug, any other word may be one: "amoxicillin_order". What is named so is given in the amounts of the call.
    thing = " ".join(name[1:] if name and name[0] in _ACTS | _LOOKS_UP else name)
    named = [thing, *(value for value in groups[0] if _AMOUNT.search(value))]
    return " ".join(sentence for group in (named, *groups) for sentence in _orders(group))


def _orders(values: list[str]) -> Iterator[str]:
    """Each thing with all amounts: a word such as "avoid" in one value says nothing about the others."""
    amounts = " ".join(value for value in values if _AMOUNT.search(value))
    things = [value for value in values if value and not _AMOUNT.search(value)]
    yield from (f"Give {thing} {amounts}." for thing in things or [""])


def _groups(arguments: Any) -> Iterator[list[str]]:
    """The values that belong together: those of one object, of which a list may hold several. Its amounts are those of its lists' items too."""
    here: list[str] = []
    items: list[Any] = []
    for name, value in _leaves(arguments):
        if isinstance(value, list):
            items += value
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            unit = words[-1].lower() if (words := _WORDS.findall(name)) else ""
            here.append(f"{value} {unit}" if unit in _UNITS else str(value))
        if not isinstance(value, str | float | int) or value is True:
            here.append(" ".join(_WORDS.findall(name)))  # {"amoxicillin": true} names it in the key
    yield here
    amounts = [value for value in here if _AMOUNT.search(value)]
    yield from ([*group, *amounts] for item in items for group in _groups(item))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Values with their names; objects inside an object belong to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict):
                yield key, None
            yield from _leaves(inner, key)
    else:
        yield name, value
