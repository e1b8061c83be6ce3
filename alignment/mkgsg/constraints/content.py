"""What a constrained reply says, and what a rule makes of it."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from alignment.mkgsg.workflow import capital, listed
from alignment.mkgsg.writer import Writer
from core.types import Check


class Content(NamedTuple):
    """What the reply has to say, before anything is asked of its form."""

    text: str
    """The answer in plain words, one sentence or several."""
    labels: tuple[str, ...]
    """What answers the question, as it stands inside a sentence. At least one, and each occurs in `text`."""
    topic: str
    """Label of what is asked about."""
    key: str = "answer"
    """What the labels are: drug, test, symptom, dose, contraindication, interaction. Only a drug to be given is a "drug"."""
    question: str = ""
    """As it was asked. Empty: no reply is asked to repeat it."""
    verdict: Literal["", "yes", "no"] = ""
    """Of a question that yes or no answers; `text` may then begin with that word. Such a question is not repeated: it may name a drug to be warned of."""
    labels_suffice: bool = True
    """Whether the labels alone answer. False where the text says more that must be said, such as a safety-net."""

    @property
    def bare(self) -> str:
        """The shortest answer that cannot be misread: a bare drug beside a condition could be its treatment or its contraindication."""
        return f"{capital(self.key)} ({self.topic}): {listed(list(self.labels))}."


class Constraint(NamedTuple):
    """One instruction, carried out on a text."""

    check: Check
    words: dict[str, str]
    """What the wording of the instruction names."""
    text: str
    """Carries the instruction out."""
    plain: str
    """Ignores it."""
    variant: str = ""
    """Of the wording: "at least" or "less than"."""


class Constrained(NamedTuple):
    """A form with all that an item needs of it."""

    instruction: str
    checks: tuple[Check, ...]
    text: str
    """The content in the form asked for: passes every check."""
    plain: str
    """The content without the form: fails at least one."""


Rule = Callable[[str, Content, Writer], Constraint | None]
"""(text so far, content, writer) -> the constraint carried out on that text; None where it makes no sense on this content."""
