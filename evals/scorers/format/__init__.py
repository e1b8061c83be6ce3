"""Verifiable instructions: each check is a yes-or-no function of the answer's text, named by `Check.kind`.

Three groups: the forms of the starter model and its exam; the 25 instructions of IFEval under their own names and arguments (Zhou et al.
2023, arXiv 2311.07911), with verdicts as lm-evaluation-harness gives them; and forms of clinical notes.
"""

from collections.abc import Callable, Mapping

from core.errors import BadInput
from core.knowledge import Knowledge
from core.knowledge.citations import without_citations
from core.reply import split_reply
from core.types import Check, Item, Score
from evals.scorers.evasion import says_nothing_new
from evals.scorers.format.arguments import arguments
from evals.scorers.format.clinical import CLINICAL
from evals.scorers.format.forms import FORMS
from evals.scorers.format.keywords import KEYWORDS
from evals.scorers.format.language import LANGUAGE
from evals.scorers.format.layout import LAYOUT
from evals.scorers.format.length import LENGTH
from evals.scorers.format.wording import WORDING

IFEVAL: Mapping[str, Callable[..., bool]] = {**KEYWORDS, **LANGUAGE, **LENGTH, **LAYOUT, **WORDING}
CHECKERS: Mapping[str, Callable[..., bool]] = {**FORMS, **IFEVAL, **CLINICAL}


def passes(check: Check, answer: str) -> bool:
    """Raises BadInput for an unknown check or wrong arguments: an item that cannot be judged must not reach an exam."""
    checker = CHECKERS.get(check.kind)
    if checker is None:
        raise BadInput(f"There is no check {check.kind!r}; known are {', '.join(sorted(CHECKERS))}")
    return checker(answer, **arguments(check, checker))


def strict(check: Check, reply: str) -> bool:
    """IFEval's strict verdict: the reply as it is; an empty one follows nothing."""
    return passes(check, reply) and bool(reply.strip())


def loose(check: Check, reply: str) -> bool:
    """IFEval's loose verdict: any of eight forms passes: the reply without its first line, its last, or both, each also without asterisks."""
    lines = reply.split("\n")
    cut = (reply, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])))
    return any(strict(check, form.replace("*", "") if bare else form) for bare in (False, True) for form in cut)


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Share of the checks passed; an answer that is empty, or only says the question again, passes none. Unscored when nothing was asked of the form."""
    if not item.checks:
        return Score(name="format", explanation="no format was asked for")
    answer = split_reply(reply).answer
    if item.evidence:  # whose marks the house asks for, not the user: they break no form
        answer = without_citations(answer)
    is_empty = item.reference.kind != "choice" and says_nothing_new(item, answer)  # a label stands in the question
    failed = [c.kind for c in item.checks if not passes(c, answer) or is_empty]
    value = 1 - len(failed) / len(item.checks)
    return Score(
        name="format", value=value, explanation=f"{'says nothing, ' if is_empty else ''}failed: {', '.join(failed)}" if failed else "all checks passed"
    )
