"""The states that things pass through, and what people and keys may do."""

from enum import StrEnum


class RoundStatus(StrEnum):
    QUEUED = "queued"
    BUILDING = "building"
    TRAINING = "training"
    EVALUATING = "evaluating"
    AWAITING_SIGNOFF = "awaiting_signoff"
    CANARY = "canary"
    PROMOTED = "promoted"
    HELD = "held"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in {RoundStatus.PROMOTED, RoundStatus.HELD, RoundStatus.FAILED, RoundStatus.CANCELLED}


class CheckpointStatus(StrEnum):
    CANDIDATE = "candidate"
    PRODUCTION = "production"
    RETIRED = "retired"
    """Was in production and can be rolled back to."""
    REJECTED = "rejected"


class FeedbackStatus(StrEnum):
    NEW = "new"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Role(StrEnum):
    """From the least to the most."""

    CLINICIAN = "clinician"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Scope(StrEnum):
    CHAT = "chat"
    FEEDBACK = "feedback"
    REVIEW = "review"
    ADMIN = "admin"
    """Includes the others."""
