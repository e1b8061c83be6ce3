"""A row of a hospital's own suite: a question, its right answer by name, and what the reply must keep to."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from core.errors import BadInput
from core.knowledge import Knowledge
from core.knowledge.quantities import QUANTITY, quantity
from core.types import Capability, Check, ExamItem, Message, Reference, Value
from evals.scorers.choice import bare
from evals.scorers.format import passes

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class OwnRow(Value):
    """One line of the JSONL file; docs/guides/suites.md has an example of each kind."""

    id: _Text
    question: _Text
    capability: Capability
    kind: Literal["choice", "concepts", "dose", "refusal", "urgent", "form"]
    answer: _Text | tuple[_Text, ...] = ()
    """`choice`: the label; `concepts`: names, any of which is right; `dose`: an amount or range with its unit; else left out."""
    options: dict[_Text, _Text] = Field(default_factory=dict)
    """`choice`: what is offered, by label; asked below the question."""
    patient: tuple[_Text, ...] = ()
    """Names of what the question says of the patient: conditions, allergies, pregnancy, drugs taken."""
    forbidden: tuple[_Text, ...] = ()
    """Names of drugs whose recommendation makes the answer wrong."""
    checks: tuple[Check, ...] = ()
    cluster: _Text | None = None
    """What several rows are about; left out: the row stands alone."""
    reply_tokens: int = Field(default=256, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.capability is Capability.INTEGRATION:
            raise ValueError("integration asks for worked vignettes, which a row cannot describe; take reasoning or instruction")
        if self.options and self.kind != "choice":
            raise ValueError(f"{self.kind!r} takes no options")
        if self.forbidden and self.kind != "concepts":
            raise ValueError(f"{self.kind!r} takes nothing that is forbidden")
        match self.kind:
            case "choice":
                self._check_options()
            case "concepts" if not self.answer:
                raise ValueError("'concepts' needs an answer: one name, or a list of names any of which is right")
            case "dose" if not self.answer or not isinstance(self.answer, str):
                raise ValueError("'dose' needs one amount or range as its answer, such as '500 mg' or '5 to 10 mg'")
            case "form" if not self.checks:
                raise ValueError("'form' needs checks: nothing else is judged")
            case "refusal" | "urgent" | "form" if self.answer:
                raise ValueError(f"{self.kind!r} takes no answer")
        return self

    def _check_options(self) -> None:
        """Labels are compared without case and punctuation, on one line: they must differ then too."""
        bared = [bare(label) for label in self.options]
        if len(bared) < 2 or not all(bared) or len(set(bared)) < len(bared) or any("\n" in label for label in self.options):
            raise ValueError("the options need two or more labels of one line that differ by letters or digits, such as A and B")
        if len({text.lower() for text in self.options.values()}) < len(self.options):
            raise ValueError("two options say the same")
        if not isinstance(self.answer, str):
            raise ValueError("'choice' has one right label")
        if self.answer not in self.options:
            raise ValueError(f"the right answer is {self.answer!r}, which is none of the options {', '.join(self.options)}")


def own_item(row: OwnRow, knowledge: Knowledge) -> ExamItem:
    """Raises BadInput for a name that the knowledge base lacks, an amount that cannot be read and a check that there is not."""
    for check in row.checks:
        passes(check, "")
    offered = "".join(f"\n{label}. {text}" for label, text in row.options.items())
    return ExamItem(
        messages=(Message(role="user", content=row.question + offered),),
        capability=row.capability,
        family=f"own {row.kind}",
        reference=_reference(row, knowledge),
        checks=row.checks,
        patient=_concepts(row.patient, knowledge),
        cluster=row.cluster or row.id,
        reply_tokens=row.reply_tokens,
    )


def _reference(row: OwnRow, knowledge: Knowledge) -> Reference:
    names = (row.answer,) if isinstance(row.answer, str) else row.answer
    match row.kind:
        case "choice":
            return Reference(kind="choice", text=names[0])
        case "concepts":
            right, wrong = _concepts(names, knowledge), _concepts(row.forbidden, knowledge)
            if both := set(right) & set(wrong):
                raise BadInput(f"{knowledge.graph.label(both.pop())} is both right and forbidden")
            return Reference(kind="concepts", concepts=(right,), forbidden=wrong)
        case "dose":
            amount = QUANTITY.fullmatch(names[0])
            if amount is None:
                raise BadInput(f"the amount {names[0]!r} cannot be read; write it like '500 mg' or '5 to 10 mg'")
            low, high, unit = quantity(amount)
            if low > high:
                raise BadInput(f"the range {names[0]!r} begins above its end")
            return Reference(kind="dose", low=low, high=high, unit=unit)
        case "refusal" | "urgent" | "form":
            return Reference(kind=row.kind)


def _concepts(names: Iterable[str], knowledge: Knowledge) -> tuple[str, ...]:
    """Ids of what is named, by any name or id that the built-in knowledge base has."""
    found: list[str] = []
    for name in names:
        whole = [m for m in knowledge.linker.mentions(name) if (m.start, m.end) == (0, len(name))]
        if name not in knowledge.graph.concepts and not whole:
            raise BadInput(f"the built-in knowledge base, which exams are marked by, has no concept called {name!r}")
        found += [c.id for m in whole for c in m.concepts] or [name]
    return tuple(dict.fromkeys(found))
