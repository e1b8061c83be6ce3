"""Every query, one function each. None commits: the caller's transaction does (`core.db.unit_of_work`)."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from core.db import lock_table
from core.errors import BadInput, Conflict, LostLease, NotFound, NotSignedIn
from core.tables import ApiKey, Checkpoint, Conversation, Exam, Feedback, Round, RoundMetric, Turn, User, utc_now
from core.types import CheckpointStatus, FeedbackStatus, Progress, Role, RoundStatus, Scope, content_hash

# --- users and keys ----------------------------------------------------------------------------------------------


def add_user(session: Session, name: str, role: Role, password_hash: str, must_change_password: bool = True) -> User:
    if not name.strip() or len(name) > 80:
        raise BadInput("A user name has 1 to 80 characters")
    if find_user(session, name):
        raise Conflict(f"There is already a user {name!r}")
    user = User(name=name, role=role, password_hash=password_hash, must_change_password=must_change_password)
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, name: str) -> User | None:
    return session.scalars(select(User).where(User.name == name)).first()


def get_user(session: Session, name: str) -> User:
    if user := find_user(session, name):
        return user
    raise NotFound(f"There is no user {name!r}")


def list_users(session: Session) -> Sequence[User]:
    return session.scalars(select(User).order_by(User.name)).all()


def add_api_key(session: Session, user: User, label: str, scopes: Sequence[Scope], expires_at: datetime | None = None) -> str:
    """Returns the key in clear, once; only its hash is kept."""
    key = f"bb-{secrets.token_urlsafe(32)}"
    session.add(ApiKey(user_id=user.id, label=label, digest=_digest(key), scopes=[str(s) for s in scopes], expires_at=expires_at))
    session.flush()
    return key


def find_api_key(session: Session, key: str) -> tuple[ApiKey, User]:
    """The live key and its active owner. Raises NotSignedIn, without saying what was wrong."""
    row = session.execute(select(ApiKey, User).join(User, User.id == ApiKey.user_id).where(ApiKey.digest == _digest(key))).first()
    if row is None or row.ApiKey.revoked_at or not row.User.active or (row.ApiKey.expires_at and row.ApiKey.expires_at < utc_now()):
        raise NotSignedIn("The API key is not valid")
    return row.ApiKey, row.User


def list_api_keys(session: Session) -> Sequence[tuple[ApiKey, User]]:
    rows = session.execute(select(ApiKey, User).join(User, User.id == ApiKey.user_id).order_by(ApiKey.created_at))
    return [(row.ApiKey, row.User) for row in rows]


def revoke_api_key(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no key {key_id!r}")
    key.revoked_at = key.revoked_at or utc_now()
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


# --- conversations, turns, feedback --------------------------------------------------------------------------------


def conversation_of(session: Session, user_id: str, conversation_id: str | None) -> Conversation:
    """The user's own conversation of that id, or a new one when none is named."""
    if conversation_id is None:
        conversation = Conversation(user_id=user_id)
        session.add(conversation)
        session.flush()
        return conversation
    found = session.get(Conversation, conversation_id)
    if found is None or found.user_id != user_id:
        raise NotFound(f"There is no conversation {conversation_id!r}")
    return found


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
    """Gives a failed or cancelled round's feedback back, for the next round."""
    session.execute(update(Feedback).where(Feedback.round_id == round_id).values(round_id=None))


def count_waiting_feedback(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Feedback).where(Feedback.status == FeedbackStatus.ACCEPTED, Feedback.round_id.is_(None))) or 0


# --- checkpoints ---------------------------------------------------------------------------------------------------


def ensure_base_checkpoint(session: Session, base_model: str, sha256: str) -> Checkpoint:
    """The base model as a checkpoint; it is in production until something better is.

    `base_model` is the setting; when it changes, the new base takes over and checkpoints of other bases retire.
    """
    lock_table(session, Checkpoint)
    checkpoint_id = f"base-{content_hash([base_model, sha256])[:12]}"
    base = session.get(Checkpoint, checkpoint_id)
    if base is None:
        base = Checkpoint(id=checkpoint_id, base_model=base_model, uri="", sha256=sha256, status=CheckpointStatus.RETIRED)
        session.add(base)
        session.flush()
    current = find_production(session)
    if current is None or (current.base_model, base_of(session, current).sha256) != (base_model, sha256):
        set_production(session, base.id)
    return base


def base_of(session: Session, checkpoint: Checkpoint) -> Checkpoint:
    """The base model under a checkpoint: the root of its line of parents."""
    while checkpoint.parent_id is not None:
        checkpoint = get_checkpoint(session, checkpoint.parent_id)
    return checkpoint


def add_candidate(session: Session, checkpoint: Checkpoint) -> Checkpoint:
    """Registers a trained adapter; registering the same one again changes nothing."""
    found = session.get(Checkpoint, checkpoint.id)
    if found is None:
        session.add(checkpoint)
        session.flush()
        return checkpoint
    if found.sha256 != checkpoint.sha256:
        raise Conflict(f"Checkpoint {checkpoint.id} exists with other content")
    return found


def get_checkpoint(session: Session, checkpoint_id: str) -> Checkpoint:
    checkpoint = session.get(Checkpoint, checkpoint_id)
    if checkpoint is None:
        raise NotFound(f"There is no checkpoint {checkpoint_id!r}")
    return checkpoint


def find_production(session: Session) -> Checkpoint | None:
    return session.scalars(select(Checkpoint).where(Checkpoint.status == CheckpointStatus.PRODUCTION)).first()


def production(session: Session) -> Checkpoint:
    if found := find_production(session):
        return found
    raise NotFound("No checkpoint is in production; run `balancedbio up` first")


def set_production(session: Session, checkpoint_id: str) -> Checkpoint:
    """Flips the alias: the old one retires, the new one is in production. One transaction, so no reader sees none or two."""
    lock_table(session, Checkpoint)  # two flips at once would both retire the same one
    checkpoint = get_checkpoint(session, checkpoint_id)
    session.refresh(checkpoint)
    current = find_production(session)
    if current is not None and current.id != checkpoint_id:
        current.status = CheckpointStatus.RETIRED
        session.flush()
    checkpoint.status, checkpoint.promoted_at = CheckpointStatus.PRODUCTION, utc_now()
    session.flush()
    return checkpoint


def list_checkpoints(session: Session) -> Sequence[Checkpoint]:
    return session.scalars(select(Checkpoint).order_by(Checkpoint.created_at)).all()


def servable_checkpoints(session: Session, keep: int = 2) -> Sequence[Checkpoint]:
    """What vLLM should hold: production first, candidates under examination, and the last `keep` retired ones for instant rollback."""
    current = production(session)
    of_base = select(Checkpoint).where(Checkpoint.base_model == current.base_model, Checkpoint.uri != "")
    candidates = session.scalars(of_base.where(Checkpoint.status == CheckpointStatus.CANDIDATE).order_by(Checkpoint.created_at.desc())).all()
    retired = session.scalars(of_base.where(Checkpoint.status == CheckpointStatus.RETIRED).order_by(Checkpoint.promoted_at.desc())).all()
    # A base model that was made again keeps its name: adapters of its former weights would load, and answer wrongly.
    base = base_of(session, current).id
    fitting = (islice((c for c in rows if base_of(session, c).id == base), keep) for rows in (candidates, retired))
    return [c for c in (current, *chain(*fitting)) if c.uri]


# --- exams ---------------------------------------------------------------------------------------------------------


def find_exam(session: Session, checkpoint_id: str, suite_hash: str) -> Exam | None:
    return session.scalars(select(Exam).where(Exam.checkpoint_id == checkpoint_id, Exam.suite_hash == suite_hash)).first()


def add_exam(session: Session, exam: Exam) -> None:
    if find_exam(session, exam.checkpoint_id, exam.suite_hash) is None:
        session.add(exam)
        session.flush()


def list_exams(session: Session) -> Sequence[Exam]:
    return session.scalars(select(Exam).order_by(Exam.created_at)).all()


# --- rounds --------------------------------------------------------------------------------------------------------


def add_round(session: Session, recipe: dict[str, Any], policy: dict[str, Any], requested_by: str) -> Round:
    """Freezes recipe and policy. One round at a time: two would compare themselves with the same parent."""
    lock_table(session, Round)
    if running := session.scalars(select(Round).where(Round.finished_at.is_(None))).first():
        raise Conflict(f"Round {running.id} is still {running.status}; wait for it or cancel it")
    row = Round(recipe=recipe, policy=policy, parent_id=production(session).id, requested_by=requested_by)
    session.add(row)
    session.flush()
    return row


def get_round(session: Session, round_id: str) -> Round:
    row = session.get(Round, round_id)
    if row is None:
        raise NotFound(f"There is no round {round_id!r}")
    return row


def list_rounds(session: Session, limit: int = 50) -> Sequence[Round]:
    return session.scalars(select(Round).order_by(Round.created_at.desc()).limit(limit)).all()


def latest_round(session: Session) -> Round | None:
    return next(iter(list_rounds(session, limit=1)), None)


def take_lease(session: Session, round_id: str, owner: str, seconds: int) -> int | None:
    """Takes the round over when nobody holds it or the holder has gone silent. Returns the fencing number, or None."""
    now = utc_now()
    taken = session.execute(
        update(Round)
        .where(Round.id == round_id, Round.finished_at.is_(None), or_(Round.lease_until.is_(None), Round.lease_until < now))
        .values(lease_owner=owner, lease_until=now + timedelta(seconds=seconds), fence=Round.fence + 1, attempts=Round.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]  # a CursorResult
        return None
    return session.scalar(select(Round.fence).where(Round.id == round_id))


def renew_lease(session: Session, round_id: str, fence: int, seconds: int) -> None:
    """Raises LostLease when another worker has taken over."""
    fenced_round(session, round_id, fence).lease_until = utc_now() + timedelta(seconds=seconds)


def release_lease(session: Session, round_id: str, fence: int) -> None:
    row = fenced_round(session, round_id, fence)
    row.lease_owner, row.lease_until = None, None


def fenced_round(session: Session, round_id: str, fence: int) -> Round:
    """The round, if `fence` is still its newest number; every write of a worker goes through here."""
    row = session.scalars(select(Round).where(Round.id == round_id).with_for_update().execution_options(populate_existing=True)).first()
    if row is None or row.fence != fence:
        raise LostLease(f"Round {round_id} was taken over")
    return row


def set_round_status(session: Session, row: Round, status: RoundStatus, **changes: Any) -> None:
    """Moves to the next stage and starts its attempts afresh."""
    row.status, row.attempts = status, 0
    for name, value in changes.items():
        setattr(row, name, value)
    if status.is_final:
        row.finished_at, row.lease_owner, row.lease_until = utc_now(), None, None


def rounds_without_worker(session: Session) -> Sequence[Round]:
    """Unfinished rounds that nobody works on and that wait for a machine, not for a person.

    A round that awaits its sign-off is among them once a person has signed it, or has cancelled it.
    """
    return session.scalars(
        select(Round).where(
            Round.finished_at.is_(None),
            or_(Round.status != RoundStatus.AWAITING_SIGNOFF, Round.signed_off_by.is_not(None), Round.cancel_requested),
            or_(Round.lease_until.is_(None), Round.lease_until < utc_now()),
        )
    ).all()


def set_progress(session: Session, round_id: str, progress: Progress) -> None:
    session.execute(update(Round).where(Round.id == round_id).values(progress=progress.model_dump(mode="json")))


def add_metric(session: Session, round_id: str, step: int, values: dict[str, Any]) -> None:
    """One training step's numbers; a step that is run again after a resume replaces its row."""
    row = session.scalars(select(RoundMetric).where(RoundMetric.round_id == round_id, RoundMetric.step == step)).first()
    if row is None:
        session.add(RoundMetric(round_id=round_id, step=step, values=values))
    else:
        row.values, row.at = values, utc_now()


def list_metrics(session: Session, round_id: str) -> Sequence[RoundMetric]:
    return session.scalars(select(RoundMetric).where(RoundMetric.round_id == round_id).order_by(RoundMetric.step)).all()
