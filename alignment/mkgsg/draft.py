"""What a writer makes of a case, before it becomes an item."""

from dataclasses import dataclass, field

from alignment.mkgsg.case import Case
from core.types import Check, ReasoningStep, Reference, Relation, TrainingSample, Value


class Written(Value):
    """A sample and the texts that the starter model is pretrained on."""

    sample: TrainingSample
    completion: str
    """The reference reply, thinking included."""
    unaligned: str
    """Known facts, but the instruction not followed, the history not checked, or the wrong thing refused. May be unsafe."""


@dataclass(frozen=True, slots=True)
class Draft:
    case: Case
    """With what the writer drew: the findings and their edges."""
    question: str
    reference: Reference
    completion: str
    unaligned: str = ""
    checks: tuple[Check, ...] = ()
    steps: tuple[ReasoningStep, ...] = field(default=())
    patient: tuple[str, ...] = ()


def steps_of(case: Case) -> tuple[ReasoningStep, ...]:
    """The edges that the thinking must pass. A dose is no concept to pass by: it is the answer, and scored as such."""
    return tuple(ReasoningStep(subject=f.subject, relation=f.relation, object=f.object) for f in case.facts if f.relation is not Relation.DOSE)


def choice_reference(case: Case) -> Reference:
    return Reference(kind="concepts", concepts=(case.accepted,), forbidden=case.forbidden)
