"""The rows that the gateway's lists hold, as their readers see them. A field that a newer gateway adds is ignored."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.states import CheckpointStatus, FeedbackStatus, Role, RoundStatus, Scope
from core.types import Capability, CapabilityScore, Message, Progress, SafetyFinding
from evals.canary import CanaryState
from evals.decision import GateDecision


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Me(Row):
    """Whom a session or key belongs to, and what it may do."""

    name: str
    role: Role
    scopes: tuple[Scope, ...]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


class JudgedTurn(Row):
    checkpoint_id: str
    messages: tuple[Message, ...]
    reply: str
    finish_reason: str
    findings: tuple[SafetyFinding, ...] = ()

    @property
    def question(self) -> str:
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


class FeedbackRow(Row):
    id: str
    turn_id: str
    rating: int | None = None
    correction: str | None = None
    comment: str | None = None
    flags: tuple[str, ...] = ()
    status: FeedbackStatus
    round_id: str | None = None
    created_at: datetime
    reviewed_at: datetime | None = None
    turn: JudgedTurn


class RoundRow(Row):
    id: str
    status: RoundStatus
    parent_id: str
    candidate_id: str | None = None
    progress: Progress | None = None
    outcome: str | None = None
    error: str | None = None
    requested_by: str
    signed_off_by: str | None = None
    cancel_requested: bool = False
    created_at: datetime
    finished_at: datetime | None = None


class RoundDetail(RoundRow):
    recipe: dict[str, Any]
    policy: dict[str, Any]
    decision: GateDecision | None = None
    canary: CanaryState | None = None
    metrics: tuple[dict[str, Any], ...] = ()
    """The numbers of each training step, with `step`."""


class CheckpointRow(Row):
    id: str
    status: CheckpointStatus
    parent_id: str | None = None
    base_model: str
    sha256: str
    round_id: str | None = None
    created_at: datetime
    promoted_at: datetime | None = None
    promotable: bool = False
    """It may be put (back) into production now: the gateway decides, by the content of the base model."""


class ExamRow(Row):
    checkpoint_id: str
    status: CheckpointStatus
    suite: str
    suite_hash: str
    scores: dict[Capability, CapabilityScore]
    created_at: datetime


class AuditRow(Row):
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


class AuditPage(Row):
    data: tuple[AuditRow, ...]
    first_broken: int | None = None
    """Sequence number of the first row that does not fit the chain; None while the trail is whole."""


class UserRow(Row):
    name: str
    role: Role
    active: bool
    must_change_password: bool
    created_at: datetime


class KeyRow(Row):
    id: str
    label: str
    user: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
