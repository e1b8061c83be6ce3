"""Conversations, their turns, and what is said of them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound
from core.states import FeedbackStatus
from core.tables import Conversation, Feedback, Turn, User, utc_now


def conversation_of(session: Session, user_id: str, conversation_id: str) -> Conversation:
    """The user's own conversation; another user's does not exist for them."""
    found = session.get(Conversation, conversation_id)
    if found is None or found.user_id != user_id:
        raise NotFound(f"There is no conversation {conversation_id!r}")
    return found


def ensure_conversation(session: Session, conversation_id: str, user_id: str, began_at: datetime, canary_round_id: str | None) -> None:
    """Makes the row unless another choice of the same request has made it, perhaps at this moment."""
    with suppress(IntegrityError), session.begin_nested():
        session.add(Conversation(id=conversation_id, user_id=user_id, created_at=began_at, canary_round_id=canary_round_id))


def add_turn(session: Session, turn: Turn) -> None:
    session.add(turn)
    session.flush()


def turn_of(session: Session, user_id: str, turn_id: str) -> Turn:
    """The user's own turn; another user's does not exist for them."""
    turn = session.get(Turn, turn_id)
    if turn is None or turn.user_id != user_id:
        raise NotFound(f"There is no turn {turn_id!r}")
    return turn


def get_turn(session: Session, turn_id: str) -> Turn:
    turn = session.get(Turn, turn_id)
    if turn is None:
        raise NotFound(f"There is no turn {turn_id!r}")
    return turn


def newest_turns(session: Session, limit: int, finish_reason: str | None = None) -> list[tuple[Turn, User]]:
    """The newest first, each with who asked; only those that ended so, where it is said how."""
    query = select(Turn, User).join(User, User.id == Turn.user_id).order_by(Turn.created_at.desc(), Turn.id).limit(limit)
    query = query.where(Turn.finish_reason == finish_reason) if finish_reason else query
    return [(row.Turn, row.User) for row in session.execute(query)]


def turn_with_user(session: Session, turn_id: str) -> tuple[Turn, User]:
    """Anybody's turn, and who asked."""
    turn = get_turn(session, turn_id)
    return turn, session.get_one(User, turn.user_id)


def add_feedback(session: Session, feedback: Feedback) -> None:
    session.add(feedback)
    session.flush()


def list_feedback(session: Session, status: FeedbackStatus | None = None, limit: int = 200) -> Sequence[tuple[Feedback, Turn]]:
    query = select(Feedback, Turn).join(Turn, Turn.id == Feedback.turn_id).order_by(Feedback.created_at.desc()).limit(limit)
    if status is not None:
        query = query.where(Feedback.status == status)
    return [(row.Feedback, row.Turn) for row in session.execute(query)]


def review_feedback(session: Session, feedback_id: str, reviewer_id: str, status: FeedbackStatus) -> Feedback:
    """Accepts or rejects; feedback that a round has learnt from can no longer change."""
    feedback = session.get(Feedback, feedback_id, with_for_update=True)  # a round may be claiming it at this moment
    if feedback is None:
        raise NotFound(f"There is no feedback {feedback_id!r}")
    if feedback.round_id is not None:
        raise Conflict(f"Round {feedback.round_id} has already used this feedback")
    feedback.status, feedback.reviewer_id, feedback.reviewed_at = status, reviewer_id, utc_now()
    return feedback


def claim_feedback(session: Session, round_id: str) -> Sequence[tuple[Feedback, Turn]]:
    """Gives the accepted, unused feedback to the round and returns all that is the round's: safe to call again."""
    session.execute(update(Feedback).where(Feedback.status == FeedbackStatus.ACCEPTED, Feedback.round_id.is_(None)).values(round_id=round_id))
    query = select(Feedback, Turn).join(Turn, Turn.id == Feedback.turn_id).where(Feedback.round_id == round_id).order_by(Feedback.id)
    return [(row.Feedback, row.Turn) for row in session.execute(query)]


def accepted_feedback(session: Session) -> Sequence[tuple[Feedback, Turn]]:
    """All accepted feedback, used by rounds or not, in order of id: what was judged once stays judged."""
    query = select(Feedback, Turn).join(Turn, Turn.id == Feedback.turn_id).where(Feedback.status == FeedbackStatus.ACCEPTED).order_by(Feedback.id)
    return [(row.Feedback, row.Turn) for row in session.execute(query)]


def release_feedback(session: Session, round_id: str) -> None:
    """Gives the feedback of a round that ended without a promotion back, for the next round."""
    session.execute(update(Feedback).where(Feedback.round_id == round_id).values(round_id=None))


def count_waiting_feedback(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Feedback).where(Feedback.status == FeedbackStatus.ACCEPTED, Feedback.round_id.is_(None))) or 0
