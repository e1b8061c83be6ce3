"""What the gate decides by, and what it decided: frozen values."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.types import Book, Capability, Value, content_hash


class Signal(StrEnum):
    """What is watched during a canary; of each conversation a yes or no, and yes is bad."""

    UNSAFE = "unsafe"
    """One of its replies has a critical finding, whether or not the guard withheld it."""
    DISLIKED = "disliked"
    """A person rated one of its replies down or flagged it unsafe."""
    SLOW = "slow"
    """One of its replies took longer than the policy's limit or broke off."""
    LOST = "lost"
    """It left no trace: its first question got no reply at all."""


class CanaryMargins(Value):
    """By how much more often a signal may show with the candidate than with production and still count as no harm, as a share of conversations."""

    unsafe: float = Field(default=0.01, ge=0, lt=1)
    """A critical finding on a reply."""
    disliked: float = Field(default=0.05, ge=0, lt=1)
    """A person's thumb down or unsafe flag."""
    slow: float = Field(default=0.1, ge=0, lt=1)
    """A reply slower than `slow_seconds`, or an error."""
    lost: float = Field(default=0.1, ge=0, lt=1)
    """Conversations of the candidate that are missing, by the coin."""

    def of(self, signal: Signal) -> float:
        return float(getattr(self, signal))


class CanaryPolicy(Value):
    """How a candidate that was signed off is tried on real questions before it gets them all."""

    share: float = Field(gt=0, le=0.5)
    """Of new conversations: these are the candidate's for as long as the canary lasts."""
    min_turns: int = Field(ge=1)
    """Turns that the candidate must have answered, in conversations whose time to settle is over."""
    min_hours: float = Field(gt=0, allow_inf_nan=False)
    """The least time, whatever was seen."""
    max_hours: float = Field(gt=0, allow_inf_nan=False)
    """When the minimum has not been reached by then, the round is held: what was not watched long enough is not promoted."""
    slow_seconds: float = Field(gt=0, allow_inf_nan=False)
    """A reply that takes longer is slow."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance of stopping a candidate that harms by no more than the margins, however often it is looked at; shared by the signals."""
    settle_minutes: float = Field(default=30.0, ge=5, le=24 * 60)
    """How long a conversation counts from its first question on; then what showed of it is taken into account, at once and for good. To be longer than
    any reply takes (REQUEST_TIMEOUT_SECONDS)."""
    margins: CanaryMargins = CanaryMargins()
    """By signal; the table below."""

    @model_validator(mode="after")
    def _can_end_well(self) -> Self:
        if self.max_hours <= self.min_hours + self.settle_minutes / 60.0:
            raise ValueError("max_hours must be more than min_hours and settle_minutes together, or no candidate could pass")
        return self


class GatePolicy(Value):
    """What a candidate must show. Hashed and frozen with the round before training starts (`evals/policy.toml`)."""

    suite: str
    """The exam: `starter`, `smoke`, or a TOML file beside the policy."""
    margin: float = Field(gt=0, lt=1)
    """Largest loss (in score, per capability) that still counts as not worse."""
    margins: dict[Capability, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    """Of capabilities that have one of their own."""
    alpha: float = Field(gt=0, lt=0.5)
    """Chance that a candidate which has lost a whole margin passes, of each one-sided test."""
    anchor_alpha: float = Field(default=0.01, gt=0, lt=0.5)
    """Of the test against the anchor, which every round repeats: each is one more chance to let a checkpoint slip below it."""
    min_power: float = Field(gt=0, lt=1)
    """Chance with which a candidate that is no worse must pass; an exam that has less is too small, and holds."""
    min_coverage: float = Field(gt=0, le=1)
    """Share of the items that must have been scored on both sides."""
    critical_findings: Literal["none", "no_more_than_production"]
    """`none` is the rule for a model that serves patients. The starter model cannot meet it: its policy compares."""
    max_latency_ratio: float = Field(gt=0, allow_inf_nan=False)
    """How many times production's the median time to a reply may be."""
    max_length_ratio: float = Field(default=2.0, gt=1, allow_inf_nan=False)
    """How much longer or shorter than production's the answers may be, on average; beyond it a person is to look."""
    required: tuple[Capability, ...] = Field(min_length=1)
    """Capabilities that must be shown to be no worse."""
    superiority: Literal["any", "none"] = "any"
    """Whether one of them must be shown to be better."""
    judges: tuple[str, ...] = ()
    """Models that judge in exams under this policy, by name or address; the judge of a recipe may be none of them. The shipped suite asks none."""
    min_clusters: int = Field(default=50, ge=2)
    """Independent vignettes (or conditions, or drugs), as of one size, that a capability needs: of fewer, how much they vary is not known well enough."""
    resamples: int = Field(default=9999, ge=999)
    """Of the test of superiority, where clusters make it one by resampling."""
    seed: int = Field(default=0, ge=0)
    """Of the resampling."""
    slices: int = Field(default=1, ge=1, le=20)
    """Parts of the exam that rounds take in turn, whole vignettes each: an exam that decides often is learnt, if only by what it lets pass."""
    max_reuse: int = Field(default=100, ge=1)
    """Candidates that one part of the exam may decide about; after that it is worn out."""

    signoff: Literal["admin", "another_admin"] = "admin"
    """Who may let a candidate that passed into production: any admin, or only one who did not start the round. A person always does."""

    canary: CanaryPolicy | None = None
    """None: a candidate that was signed off gets every question at once."""

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
