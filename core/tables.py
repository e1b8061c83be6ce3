"""The entities. Values from `core.types` sit in JSON columns, dumped with `model_dump(mode="json")`.

Ids are random text made by the application, so that a row can be named before it is written.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from sqlalchemy import JSON, DateTime, Float, ForeignKey, Index, Integer, MetaData, String, Text, TypeDecorator, UniqueConstraint, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.states import CheckpointStatus, FeedbackStatus, Role, RoundStatus


def new_id(prefix: str) -> str:
    """`prefix` and 16 random hex digits."""
    return f"{prefix}-{uuid4().hex[:16]}"


def utc_now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on every database; SQLite would drop the zone and give naive ones back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None and value.tzinfo is not None else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[Any] = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}


class User(Table):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("user"))
    name: Mapped[str] = mapped_column(String(80), unique=True)
    subject: Mapped[str | None] = mapped_column(String(600), unique=True, index=True)
    """Who this is to the organisation's sign-in: issuer and subject. None: a user of this product, with a password."""
    role: Mapped[Role] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ApiKey(Table):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("key"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    label: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the key, which itself is 256 random bits: a slow hash would add nothing."""
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Conversation(Table):
    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("conv"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    canary_round_id: Mapped[str | None] = mapped_column(String(40), index=True)
    """The round in whose canary it began; which side it is on follows from both ids (`evals.canary.on_candidate`)."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    """When its first question came."""


class Turn(Table):
    """One question and its answer, de-identified. The checkpoint id is immutable: it names the weights that answered."""

    __tablename__ = "turns"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("turn"))
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id"), index=True)
    messages: Mapped[list[Any]]
    reply: Mapped[str] = mapped_column(Text)
    finish_reason: Mapped[str] = mapped_column(String(20))
    """`stop`, `length`, `withheld` (by the guard), `cancelled` (client gone) or `error`."""
    evidence: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """The facts that the model was given with the question, in the order of their numbers; none in turns before there were any."""
    claims: Mapped[list[Any]]
    findings: Mapped[list[Any]]
    usage: Mapped[dict[str, Any]]
    latency_ms: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class Feedback(Table):
    """A clinician's judgement of one turn, de-identified before it is written."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("fb"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    ratings: Mapped[dict[str, Any]]
    """Dimension -> -1 or 1; the thumbs are the dimension `overall`."""
    correction: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str | None] = mapped_column(Text)
    flags: Mapped[list[Any]]
    """Any of `unsafe`, `simulated`."""
    status: Mapped[FeedbackStatus] = mapped_column(String(20), default=FeedbackStatus.NEW, index=True)
    reviewer_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    round_id: Mapped[str | None] = mapped_column(ForeignKey("rounds.id"), index=True)
    """The round that learnt from it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    reviewed_at: Mapped[datetime | None]


class Checkpoint(Table):
    __tablename__ = "checkpoints"

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    """Immutable; also the name under which vLLM serves it."""
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("checkpoints.id"))
    base_model: Mapped[str] = mapped_column(String(300))
    uri: Mapped[str] = mapped_column(String(500))
    """Folder of the LoRA adapter; empty for the base model itself."""
    sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[CheckpointStatus] = mapped_column(String(20))
    round_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    promoted_at: Mapped[datetime | None]

    __table_args__ = (
        # At most one checkpoint is in production, whatever the code believes.
        Index("uq_checkpoints_production", "status", unique=True, sqlite_where=text("status = 'production'"), postgresql_where=text("status = 'production'")),
    )


class Round(Table):
    __tablename__ = "rounds"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("round"))
    status: Mapped[RoundStatus] = mapped_column(String(20), default=RoundStatus.QUEUED, index=True)
    recipe: Mapped[dict[str, Any]]
    policy: Mapped[dict[str, Any]]
    """The gate policy as it was when the round began; the decision uses this copy."""
    parent_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id"))
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("checkpoints.id"))
    progress: Mapped[dict[str, Any] | None]
    decision: Mapped[dict[str, Any] | None]
    canary: Mapped[dict[str, Any] | None]
    """A `CanaryState` as JSON, as of the last look; none before there is a canary."""
    error: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(String(80))
    signed_off_by: Mapped[str | None] = mapped_column(String(80))
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """How often a worker has taken it up in the present stage."""
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(Integer, default=0)
    """Grows with every lease; a writer with an older number has been taken over and must stop."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    finished_at: Mapped[datetime | None]


class RoundMetric(Table):
    __tablename__ = "round_metrics"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    round_id: Mapped[str] = mapped_column(ForeignKey("rounds.id"), index=True)
    step: Mapped[int] = mapped_column(Integer)
    values: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("round_id", "step"),)


class Exam(Table):
    """A checkpoint's report on one version of a suite; sat once, compared often."""

    __tablename__ = "exams"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("exam"))
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("checkpoints.id"), index=True)
    suite: Mapped[str] = mapped_column(String(80))
    suite_hash: Mapped[str] = mapped_column(String(64))
    scores: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Capability -> `CapabilityScore` as JSON."""
    uri: Mapped[str] = mapped_column(String(500))
    seconds: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("checkpoint_id", "suite_hash"),)


class AuditEvent(Table):
    """Append-only and hash-chained: see `core.audit`."""

    __tablename__ = "audit_events"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40))
    """ISO text, because it is hashed as written."""
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(80))
    detail: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
