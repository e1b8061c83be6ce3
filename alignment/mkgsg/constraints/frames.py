"""Rules that put something around or into a text, or change its letters: titles, postscripts, quotation marks, case, commas."""

import re

from alignment.mkgsg.constraints.additions import number
from alignment.mkgsg.constraints.content import Constraint, Content, Rule
from alignment.mkgsg.constraints.wording import BLANKS, ENDINGS, NOTES
from alignment.mkgsg.workflow import capital
from alignment.mkgsg.writer import Writer
from core.types import Check
from evals.scorers.format.tokens import words

_VERDICT = re.compile(r"^(?:yes|no)[.,:]\s+", re.I)


def verdict(text: str, content: Content, w: Writer) -> Constraint | None:
    if not content.verdict:
        return None
    check = Check(kind="detectable_format:constrained_response")
    return Constraint(check, {}, f"My answer is {content.verdict}. {capital(_VERDICT.sub('', text))}", text)


def placeholders(text: str, content: Content, w: Writer) -> Constraint | None:
    lines = w.rng.sample(BLANKS, w.rng.randint(1, 4))
    at = w.rng.randint(0, len(lines))
    check = Check(kind="detectable_content:number_placeholders", args={"num_placeholders": len(lines)})
    return Constraint(check, {"n": number(len(lines), w)}, "\n".join((*lines[:at], text, *lines[at:])), text)


def title(text: str, content: Content, w: Writer) -> Constraint | None:
    heading = w.rng.choice((capital(content.topic), f"On {content.topic}", f"Note about {content.topic}", f"{capital(content.key)} in question"))
    return Constraint(Check(kind="detectable_format:title"), {}, f"<<{heading}>>\n{text}", text)


def postscript(text: str, content: Content, w: Writer) -> Constraint | None:
    marker = w.rng.choice(("P.S.", "P.P.S"))
    check = Check(kind="detectable_content:postscript", args={"postscript_marker": marker})
    return Constraint(check, {"marker": marker}, f"{text}\n\n{marker.rstrip('.')}. {w.rng.choice(NOTES)}", text)


def highlights(text: str, content: Content, w: Writer) -> Constraint | None:
    marked, n = text, 0
    for name in dict.fromkeys((*content.labels, content.topic)):
        at = re.search(rf"(?<![\w*]){re.escape(name)}(?![\w*])", marked, re.I)
        if at and (n == 0 or w.rng.random() < 0.6):
            marked, n = f"{marked[: at.start()]}*{at[0]}*{marked[at.end() :]}", n + 1
    check = Check(kind="detectable_format:number_highlighted_sections", args={"num_highlights": max(1, n)})
    return Constraint(check, {"n": number(n, w)}, marked, text) if n else None


def repeat_question(text: str, content: Content, w: Writer) -> Constraint | None:
    if not content.question or content.verdict:
        return None
    check = Check(kind="combination:repeat_prompt", args={"prompt_to_repeat": content.question})
    return Constraint(check, {}, f"{content.question}\n{text}", text)


def ending(text: str, content: Content, w: Writer) -> Constraint | None:
    phrase = w.rng.choice(ENDINGS)
    return Constraint(Check(kind="startend:end_checker", args={"end_phrase": phrase}), {"text": phrase}, f"{text} {phrase}", text)


def quotation(text: str, content: Content, w: Writer) -> Constraint | None:
    return Constraint(Check(kind="startend:quotation"), {}, f'"{text}"', text)


def capital_words_at_least(text: str, content: Content, w: Writer) -> Constraint | None:
    name = w.rng.choice(content.labels)
    shouted = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", name.upper(), text, count=1, flags=re.I)
    n = sum(word.isupper() for word in words(shouted))
    if n <= sum(word.isupper() for word in words(text)):
        return None
    check = Check(kind="change_case:capital_word_frequency", args={"capital_frequency": n, "capital_relation": "at least"})
    return Constraint(check, {"n": number(n, w)}, shouted, text, "at least")


def capital_words_less_than(text: str, content: Content, w: Writer) -> Constraint | None:
    n = sum(word.isupper() for word in words(text)) + w.rng.randint(1, 3)
    check = Check(kind="change_case:capital_word_frequency", args={"capital_frequency": n, "capital_relation": "less than"})
    return Constraint(check, {"n": number(n, w)}, text, text.upper(), "less than")


def capitals(text: str, content: Content, w: Writer) -> Constraint | None:
    return Constraint(Check(kind="change_case:english_capital"), {}, text.upper(), text)


def small_letters(text: str, content: Content, w: Writer) -> Constraint | None:
    return Constraint(Check(kind="change_case:english_lowercase"), {}, text.lower(), text)


def no_comma(text: str, content: Content, w: Writer) -> Constraint | None:
    """ "a, b and c" becomes "a and b and c"; a text without a comma is ignored by one that has."""
    plain = text if "," in text else f"{text[:-1]}, as a rule{text[-1]}"
    return Constraint(Check(kind="punctuation:no_comma"), {}, text.replace(", ", " and "), plain)


FRAMES: tuple[Rule, ...] = (verdict, placeholders, title, postscript, highlights, repeat_question, ending, quotation)
LETTERS: tuple[Rule, ...] = (capital_words_at_least, capital_words_less_than, capitals, small_letters, no_comma)
