"""IFEval's instructions on content and layout that can be detected: placeholders, postscripts, bullets, highlights, sections, titles, JSON.

IFEval states most of them as patterns. Here they are read line by line where the pattern would take quadratic time on a reply of
nothing but brackets or line breaks; the verdict is the same.
"""

import json
import re
from collections.abc import Callable, Mapping

from evals.scorers.format.arguments import Count, Text

_EMPHASISED = (re.compile(r"\*([^\n*]*)\*"), re.compile(r"\*\*([^\n*]*)\*\*"))
_POSTSCRIPTS = {"P.S.": re.compile(r"p\.\s?s\."), "P.P.S": re.compile(r"p\.\s?p\.\s?s")}
_FENCES = ("```json", "```Json", "```JSON", "```")
OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def _number_placeholders(answer: str, num_placeholders: Count) -> bool:
    """At least that many texts in square brackets."""
    return sum(map(_bracketed, answer.split("\n"))) >= num_placeholders


def _bracketed(line: str) -> int:
    count = end = 0
    while (begin := line.find("[", end)) >= 0 and (end := line.find("]", begin) + 1):
        count += 1
    return count


def _postscript(answer: str, postscript_marker: Text) -> bool:
    """The marker occurs, with or without blanks between its letters; that it comes last is not asked."""
    marker = postscript_marker.strip()
    pattern = _POSTSCRIPTS.get(marker)
    return bool(pattern.search(answer.lower())) if pattern else marker.lower() in answer.lower()


def _number_bullet_lists(answer: str, num_bullets: Count) -> bool:
    """Exactly that many lines that begin with `*` or `-`. A line of nothing but `*` is one with the line after it."""
    lines = [line.lstrip() for line in answer.split("\n")]
    # What stands before a mark may span lines, so blanks at the end of a line belong to it; the mark's own line is kept whole.
    stars = number = 0
    while number < len(lines):
        line = lines[number]
        if line == "*" and number + 1 < len(lines):
            stars += 1
            number += 1
        elif line.startswith("*") and line[1:2] not in ("", "*"):
            stars += 1
        number += 1
    return stars + sum(line.startswith("-") for line in lines) == num_bullets


def _constrained_response(answer: str) -> bool:
    return any(option in answer for option in OPTIONS)


def _number_highlighted_sections(answer: str, num_highlights: Count) -> bool:
    """At least that many texts between asterisks; one between double asterisks is not counted twice, as each pattern sees another text."""
    return sum(bool(text.strip()) for pattern in _EMPHASISED for text in pattern.findall(answer)) >= num_highlights


def _multiple_sections(answer: str, section_spliter: Text, num_sections: Count) -> bool:
    """At least that many section marks, each with a number ("Section 1")."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", answer)) >= num_sections


def _json_format(answer: str) -> bool:
    """All of it is JSON; a code fence around it is allowed."""
    text = answer.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _title(answer: str) -> bool:
    """Something in double angular brackets on one line."""
    for line in answer.split("\n"):
        begin, end = line.find("<<"), line.rfind(">>")
        if 0 <= begin < end and line[begin : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


LAYOUT: Mapping[str, Callable[..., bool]] = {
    "detectable_content:number_placeholders": _number_placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _number_bullet_lists,
    "detectable_format:constrained_response": _constrained_response,
    "detectable_format:number_highlighted_sections": _number_highlighted_sections,
    "detectable_format:multiple_sections": _multiple_sections,
    "detectable_format:json_format": _json_format,
    "detectable_format:title": _title,
}
