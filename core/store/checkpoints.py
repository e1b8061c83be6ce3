"""Checkpoints: which there are, which is in production, which vLLM should hold; and the exams they sat."""

from collections.abc import Sequence
from itertools import chain, islice

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.db import lock_table
from core.errors import Conflict, NotFound
from core.states import CheckpointStatus
from core.tables import Checkpoint, Exam, Round, utc_now
from core.types import content_hash

_IN_PRODUCTION = select(Checkpoint).where(Checkpoint.status == CheckpointStatus.PRODUCTION)
"""Made once: each question asks it."""


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
    return session.scalars(_IN_PRODUCTION).first()


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
    """What vLLM should hold: production first, candidates whose round goes on, and the last `keep` retired ones for instant rollback.

    A candidate whose round has ended, held, can come into production no more.
    """
    current = production(session)
    of_base = select(Checkpoint).where(Checkpoint.base_model == current.base_model, Checkpoint.uri != "")
    goes_on = or_(Checkpoint.round_id.is_(None), Checkpoint.round_id.in_(select(Round.id).where(Round.finished_at.is_(None))))
    candidates = session.scalars(of_base.where(Checkpoint.status == CheckpointStatus.CANDIDATE, goes_on).order_by(Checkpoint.created_at.desc())).all()
    retired = session.scalars(of_base.where(Checkpoint.status == CheckpointStatus.RETIRED).order_by(Checkpoint.promoted_at.desc())).all()
    # A base model that was made again keeps its name: adapters of its former weights would load, and answer wrongly.
    base = base_of(session, current).id
    fitting = (islice((c for c in rows if base_of(session, c).id == base), keep) for rows in (candidates, retired))
    return [c for c in (current, *chain(*fitting)) if c.uri]


def find_exam(session: Session, checkpoint_id: str, suite_hash: str) -> Exam | None:
    return session.scalars(select(Exam).where(Exam.checkpoint_id == checkpoint_id, Exam.suite_hash == suite_hash)).first()


def latest_exam(session: Session, checkpoint_id: str, suite: str) -> Exam | None:
    """Of whatever version or part of the suite."""
    sat = select(Exam).where(Exam.checkpoint_id == checkpoint_id, Exam.suite == suite)
    return session.scalars(sat.order_by(Exam.created_at.desc())).first()


def list_exams(session: Session) -> Sequence[tuple[Exam, Checkpoint]]:
    """Every exam with its checkpoint, in the order in which the checkpoints were made."""
    found = select(Exam, Checkpoint).join(Checkpoint, Checkpoint.id == Exam.checkpoint_id).order_by(Checkpoint.created_at, Exam.created_at)
    return [(exam, checkpoint) for exam, checkpoint in session.execute(found)]


def add_exam(session: Session, exam: Exam) -> None:
    if find_exam(session, exam.checkpoint_id, exam.suite_hash) is None:
        session.add(exam)
        session.flush()
