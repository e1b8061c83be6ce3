"""What was said in the conversations of a round's canary. Rows are only ever added to, so that a later look sees at least what an earlier one saw."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.states import RoundStatus
from core.tables import Conversation, Feedback, Round, Turn


class CanaryTurn(NamedTuple):
    """A turn, with as much of it as a canary asks for, and when its conversation began."""

    conversation_id: str
    began_at: datetime
    turn_id: str
    at: datetime
    checkpoint_id: str
    finish_reason: str
    latency_ms: float
    findings: list[dict[str, Any]]


class CanaryJudgement(NamedTuple):
    turn_id: str
    at: datetime
    ratings: dict[str, int]
    flags: list[str]


def open_canary(session: Session) -> Round | None:
    """The round whose candidate is on trial at this moment, if there is one and nobody has asked to end it."""
    return session.scalars(select(Round).where(Round.status == RoundStatus.CANARY, Round.cancel_requested.is_(False))).first()


def canary_turns(session: Session, round_id: str) -> Sequence[CanaryTurn]:
    """All turns of the round's conversations; conversations in the order in which they began, each with its turns in theirs."""
    columns = (Turn.conversation_id, Conversation.created_at, Turn.id, Turn.created_at, Turn.checkpoint_id, Turn.finish_reason, Turn.latency_ms, Turn.findings)
    found = select(*columns).join(Conversation, Conversation.id == Turn.conversation_id).where(Conversation.canary_round_id == round_id)
    rows = session.execute(found.order_by(Conversation.created_at, Conversation.id, Turn.created_at, Turn.id))
    return [CanaryTurn(*row) for row in rows]


def canary_judgements(session: Session, round_id: str) -> Sequence[CanaryJudgement]:
    """What was said of those turns, reviewed or not."""
    found = select(Feedback.turn_id, Feedback.created_at, Feedback.ratings, Feedback.flags).join(Turn, Turn.id == Feedback.turn_id)
    found = found.join(Conversation, Conversation.id == Turn.conversation_id).where(Conversation.canary_round_id == round_id)
    return [CanaryJudgement(*row) for row in session.execute(found)]
