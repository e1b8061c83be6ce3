"""Instructions on the form of a reply: the wording, the checks that verify it, a text that follows it, and one that does not.

All 25 instruction types of IFEval (Zhou et al. 2023) and JSON to a schema, alone or two at once, on clinical content (`constrained`); and
the forms of clinical notes (`clinical_note`). Types that do not fit every content: a fixed choice of answers needs a question that yes
or no answers; another language needs an answer that is one drug, whose international name needs no translation; repeating the
question needs the question. None of the 25 is left out altogether.

A text is made by construction and then judged by its own checks: what fails them is made anew, so every reference passes.
"""

import re
from collections.abc import Sequence

from alignment.mkgsg.constraints.additions import FIRST, LAST, forbidden_words
from alignment.mkgsg.constraints.content import Constrained, Constraint, Content, Rule
from alignment.mkgsg.constraints.frames import FRAMES, LETTERS, capitals, small_letters, title
from alignment.mkgsg.constraints.layouts import LAYOUTS, WHOLE, language
from alignment.mkgsg.constraints.notes import Note, clinical_note
from alignment.mkgsg.constraints.wording import INSTRUCTIONS
from alignment.mkgsg.workflow import capital
from alignment.mkgsg.writer import Writer
from evals.scorers.format import passes

__all__ = ["RULES", "Constrained", "Content", "Note", "clinical_note", "constrained"]

# In the order in which they can follow each other on one text.
RULES: tuple[Rule, ...] = (*WHOLE, *FIRST, forbidden_words, *LAYOUTS, *FRAMES, *LETTERS, *LAST)
# Detecting a language takes milliseconds, everything else together a fifth of one: those three are drawn a third as often.
_WEIGHTS = tuple(0.3 if rule in (language, capitals, small_letters) else 1.0 for rule in RULES)
_TRIES = 12
_ONE = re.compile(r"\b(one|1) (time|word|sentence|part|passage|paragraph|section|placeholder|blank|mention|use)s\b")


def constrained(content: Content, w: Writer, *, pairs: float = 0.3) -> Constrained:
    """`content` under one constraint, or under two with probability `pairs`. The writer's random state decides which."""
    for _ in range(_TRIES):
        chosen = sorted(set(w.rng.choices(range(len(RULES)), _WEIGHTS, k=2 if w.rng.random() < pairs else 1)))
        if form := _under([RULES[i] for i in chosen], content, w):
            return form
    form = _under([title], content, w)
    assert form is not None, content
    return form


def _under(rules: Sequence[Rule], content: Content, w: Writer) -> Constrained | None:
    """None where a rule does not fit the content, or two do not go together."""
    if len(rules) > 1 and rules[0] in WHOLE:
        return None
    text, plain = content.text, ""
    done: list[Constraint] = []
    for rule in rules:
        constraint = rule(text, content, w)
        if constraint is None:
            return None
        done.append(constraint)
        text, plain = constraint.text, plain or constraint.plain
    checks = tuple(c.check for c in done)
    if not all(passes(check, text) for check in checks) or all(passes(check, plain) for check in checks) or len({c.kind for c in checks}) < len(checks):
        return None
    return Constrained(" ".join(_instruction(c, w) for c in done), checks, text, plain)


def _instruction(constraint: Constraint, w: Writer) -> str:
    phrasings = INSTRUCTIONS[f"{constraint.check.kind} {constraint.variant}".rstrip()]
    return _ONE.sub(r"\1 \2", capital(w.phrase(phrasings)).format(**constraint.words))
