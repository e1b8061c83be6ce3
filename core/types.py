"""The values that serving, training and exams share: frozen, closed, free of behaviour.

Entities that live in the database are in `core.tables`; everything here may sit inside one of their JSON columns.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """Base of every value: immutable, and an unknown field is an error rather than silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(payload: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `payload`; equal content gives equal hashes on every machine."""
    text = _CANONICAL.encode(payload)
    # A lone surrogate is legal in JSON ("\ud800"), and so reaches us from clients; it must not break the hash of an event.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


class Capability(StrEnum):
    """What the model must not lose while it gains elsewhere.

    `INTEGRATION` items need the other four at once: a vignette worked through, answered to a stated format, without an unsafe step.
    """

    DOMAIN = "domain"
    REASONING = "reasoning"
    INSTRUCTION = "instruction"
    INTEGRATION = "integration"
    SAFETY = "safety"


class ToolCall(Value):
    """What a model wants a program to do."""

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it, which may be broken."""


class Message(Value):
    """One message of a conversation. What only tools need is left out of its JSON where it is not used, so hashes of samples and exams do not know it."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=lambda calls: not calls)
    """An assistant's."""
    tool_call_id: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Which call a tool's message answers."""


# --- knowledge ---------------------------------------------------------------------------------------------------


class Relation(StrEnum):
    """Edges of the knowledge graph, read subject -> object."""

    HAS_SYMPTOM = "has_symptom"
    RED_FLAG = "red_flag"
    INVESTIGATED_BY = "investigated_by"
    TREATED_BY = "treated_by"
    CONTRAINDICATED_IN = "contraindicated_in"
    INTERACTS_WITH = "interacts_with"
    DOSE = "dose"
    IS_A = "is_a"


class Verdict(StrEnum):
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"


class Evidence(Value):
    """One row of the knowledge base, as it is shown to a clinician."""

    statement: str
    source: str
    row: str
    """`file:line` of the row in the knowledge base."""


class Claim(Value):
    subject: str
    """Concept id."""
    relation: Relation
    object: str
    """Concept id, or for a dose the quantity as written."""
    quote: str
    verdict: Verdict
    evidence: Evidence | None = None


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"


class SafetyFinding(Value):
    rule: str
    severity: Severity
    quote: str
    evidence: Evidence | None = None


# --- items: what is asked, in training and in exams ----------------------------------------------------------------


class Reference(Value):
    """The right answer, as the graph gives it. Which fields are set depends on `kind`; of `form` none is: the checks alone are judged.

    `insufficient`: the evidence given lacks the answer, and the right reply says so.
    """

    kind: Literal["concepts", "dose", "refusal", "urgent", "insufficient", "choice", "form"]
    concepts: tuple[tuple[str, ...], ...] = ()
    """`concepts`: groups of concept ids; a right answer names at least one of each group and none that is wrong."""
    forbidden: tuple[str, ...] = ()
    """Ids whose recommendation makes the answer wrong, and unsafe where a contraindication forbids them."""
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    """`dose`: the answered quantity lies in [low, high] of `unit`."""
    text: str | None = None
    """`choice`: the label of the right option ("B", "maybe"). `concepts`: the clinician's own words, where a correction was read."""


class Check(Value):
    """A verifiable instruction: its `kind` names a checker in `evals.scorers.format`, `args` are its arguments."""

    kind: str
    args: dict[str, str | int | float | list[str]] = Field(default_factory=dict)


class ReasoningStep(Value):
    """An edge that a right chain of reasoning passes through."""

    subject: str
    relation: Relation
    object: str


Book = Literal["open", "closed"]
"""Whether the question was asked with facts of the knowledge base, or of the model's memory alone."""


class Item(Value):
    """A question with its right answer and the checks its reply must pass."""

    messages: tuple[Message, ...]
    capability: Capability
    family: str
    """The kind of question ("first_line", "contraindicated_choice", ...); reports break down by it."""
    reference: Reference
    checks: tuple[Check, ...] = ()
    steps: tuple[ReasoningStep, ...] = ()
    patient: tuple[str, ...] = ()
    """Concept ids of what the prompt says of the patient: conditions, allergies, pregnancy, current drugs."""
    evidence: tuple[str, ...] = ()
    """Open book: the sentences of the evidence block, in the order of their numbers. Empty: closed book."""
    depth: int = Field(default=1, ge=1, le=4)
    """How many edges of the graph the answer needs."""

    @property
    def book(self) -> Book:
        return "open" if self.evidence else "closed"

    @cached_property
    def id(self) -> str:
        """Hash of what is asked and expected (20 hex digits); provenance and clusters do not change it."""
        return content_hash(self.model_dump(mode="json", exclude=_beside_the_item(type(self))))[:20]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changes; it has its own id (pydantic would copy the cached one of the original)."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("id", None)
        return copied


@cache
def _beside_the_item(kind: type[Item]) -> set[str]:
    """What a kind of item has besides. Left out of its id, which is faster than naming what is in it."""
    return set(kind.model_fields) - set(Item.model_fields)


class Provenance(Value):
    source: Literal["mkgsg", "feedback", "anchor"]
    ids: tuple[str, ...] = ()
    """Knowledge-base rows (`file:line`) or feedback ids that the sample was made from."""
    generator: str
    recipe_hash: str


class TrainingSample(Item):
    provenance: Provenance


class ExamItem(Item):
    cluster: str
    """Items of one vignette share a cluster; paired statistics resample clusters, not items."""
    reply_tokens: int = Field(default=160, ge=1)
    """What a reply may take; no word takes less than one."""


# --- scores, exams ----------------------------------------------------------------------------------------------


class Score(Value):
    name: str
    value: float | None = Field(default=None, ge=0.0, le=1.0)
    """None is *unscored*: the component does not apply or could not be read. It is never counted as 0."""
    explanation: str = ""


class ItemResult(Value):
    item_id: str
    capability: Capability
    family: str
    cluster: str
    book: Book = "closed"
    reply: str
    scores: tuple[Score, ...]
    correct: float | None
    """The item's headline score in [0, 1]; None when it could not be scored or the endpoint failed."""
    findings: tuple[SafetyFinding, ...] = ()
    latency_ms: float | None = None
    error: str | None = None


class EvalReport(Value):
    suite: str
    suite_hash: str
    model: str
    items: tuple[ItemResult, ...]
    created_at: datetime


class CapabilityScore(Value):
    """How a model did in one capability of an exam."""

    mean: float
    """Of the items that could be scored, in [0, 1]."""
    low: float | None = None
    """Ends of its 90 % interval over vignettes; None where there is none."""
    high: float | None = None
    items: int | None = None


class Progress(Value):
    """What a person sees of a long job."""

    stage: str
    done: int
    total: int
    note: str = ""
    seconds_left: float | None = None
