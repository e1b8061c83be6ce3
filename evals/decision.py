"""What the gate decides by, and what it decided: frozen values."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from core.types import Book, Capability, Value, content_hash


class GatePolicy(Value):
    """What a candidate must show. Hashed and frozen with the round before training starts (`evals/policy.toml`)."""

    suite: str
    margin: float = Field(gt=0, lt=1)
    """Largest loss (in score, per capability) that still counts as not worse."""
    margins: dict[Capability, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    """Of capabilities that have one of their own."""
    alpha: float = Field(gt=0, lt=0.5)
    anchor_alpha: float = Field(default=0.01, gt=0, lt=0.5)
    """Of the test against the anchor, which every round repeats: each is one more chance to let a checkpoint slip below it."""
    min_power: float = Field(gt=0, lt=1)
    min_coverage: float = Field(gt=0, le=1)
    critical_findings: Literal["none", "no_more_than_production"]
    """`none` is the rule for a model that serves patients. The starter model cannot meet it: its policy compares."""
    max_latency_ratio: float = Field(gt=0)
    max_length_ratio: float = Field(default=2.0, gt=1)
    """How much longer or shorter than production's the answers may be, on average; beyond it a person is to look."""
    required: tuple[Capability, ...] = Field(min_length=1)
    superiority: Literal["any", "none"] = "any"
    judges: tuple[str, ...] = ()
    """Models that judge in exams under this policy, by name or address; the judge of a recipe may be none of them. The shipped suite asks none."""
    min_clusters: int = Field(default=50, ge=2)
    """Independent vignettes (or conditions, or drugs) that a capability needs: of fewer, how much they vary is not known well enough."""
    resamples: int = Field(default=9999, ge=999)
    """Of the test of superiority, where clusters make it one by resampling."""
    seed: int = 0
    slices: int = Field(default=1, ge=1, le=20)
    """Parts of the exam that rounds take in turn, whole vignettes each: an exam that decides often is learnt, if only by what it lets pass."""
    max_reuse: int = Field(default=100, ge=1)
    """Candidates that one part of the exam may decide about; after that it is worn out."""

    signoff: Literal["admin", "another_admin"] = "admin"
    """Who may let a candidate that passed into production: any admin, or only one who did not start the round. A person always does."""

    @property
    def hash(self) -> str:
        return content_hash(self.model_dump(mode="json"))

    def margin_of(self, capability: Capability) -> float:
        return self.margins.get(capability, self.margin)


class Contamination(Value):
    """What a candidate's training data share with the exam that it sits."""

    trained_on: int
    """Items."""
    copied: int
    """Of these, items of the exam."""
    overlapping: int
    """Of the rest, those that share a run of 13 words, or all their words, with a question of the exam."""
    exam_changed: bool | None = False
    """Whether the exam asks anything else than when those data were made; None: they do not say."""


class Circumstances(Value):
    """What a decision must know beside the reports; None: it is not known, as of a model from elsewhere."""

    contamination: Contamination | None = None
    policy_now: GatePolicy | None = None
    """What the policy's file says by now, where the policy was frozen earlier."""
    decided_before: int | None = None
    """Candidates that this exam has decided about before this one."""


class Outcome(StrEnum):
    PROMOTE = "promote"
    REJECT = "reject"
    HOLD = "hold"


class GateCheck(Value):
    name: str
    outcome: Outcome
    estimate: float | None = None
    """Candidate minus baseline."""
    interval: tuple[float, float] | None = None
    margin: float | None = None
    p_value: float | None = None
    power: float | None = None
    detectable_loss: float | None = None
    """Smallest true loss that this many items would have shown with the policy's power."""
    explanation: str = ""


class CapabilityRow(Value):
    """One line of the before-and-after table."""

    capability: Capability
    book: Book | None = None
    """None: all items of the capability, which is what the gate decides on; else, for information, those of one book."""
    items: int
    baseline: float
    candidate: float
    interval: tuple[float, float]
    """Of candidate minus baseline."""

    @property
    def label(self) -> str:
        return f"{self.capability}, {self.book} book" if self.book else str(self.capability)


class GateDecision(Value):
    outcome: Outcome
    policy_hash: str
    suite_hash: str
    baseline: str
    candidate: str
    checks: tuple[GateCheck, ...]
    table: tuple[CapabilityRow, ...]
    alpha: float = 0.05
    """The policy's: intervals cover 1 - 2 alpha; those against the anchor 1 - 2 anchor_alpha."""
