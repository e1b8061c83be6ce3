"""Checkpoints over HTTP: list them, and put an earlier one back into production."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy.orm import Session

from app.gateway.auth import AdminCaller
from app.gateway.wire import Id, listing
from core import audit, jobs, store
from core.db import reading, unit_of_work
from core.errors import Conflict, Unavailable
from core.states import CheckpointStatus
from core.tables import Checkpoint, Exam, Round

router = APIRouter(prefix="/v1/checkpoints")


@router.get("")
def listed(caller: AdminCaller) -> dict[str, Any]:
    """All checkpoints, oldest first."""
    with reading() as session:
        current = store.find_production(session)
        return listing([_shown(session, checkpoint, current) for checkpoint in store.list_checkpoints(session)])


@router.get("/exams")
def exams(caller: AdminCaller) -> dict[str, Any]:
    """Every exam of every checkpoint, in the order in which the checkpoints were made: each capability's score with its 90 % interval."""
    with reading() as session:
        return listing([_sat(exam, checkpoint) for exam, checkpoint in store.list_exams(session)])


@router.post("/{checkpoint_id}/promote", status_code=202)
def promote(caller: AdminCaller, checkpoint_id: Annotated[Id, Path()]) -> dict[str, Any]:
    """Rolls back (or forward again) to a checkpoint that has been in production. The workers do it without dropping a request."""
    with unit_of_work() as session:
        checkpoint = store.get_checkpoint(session, checkpoint_id)
        current = store.production(session)
        if reason := _why_not(session, checkpoint, current):
            raise Conflict(reason)
        shown = _shown(session, checkpoint, current)
        audit.record(session, caller.name, "checkpoint.promote", checkpoint.id, instead_of=current.id)
    # After the commit: Redis may let us wait, and nobody else can write meanwhile. No row tells beat of the wish, so whoever made it is told.
    try:
        jobs.send_or_fail(jobs.CHECKPOINT_SERVE, checkpoint.id)
    except Unavailable as error:
        with unit_of_work() as session:
            audit.record(session, caller.name, "checkpoint.not_promoted", checkpoint.id, reason=str(error))
        raise
    return shown


def _why_not(session: Session, checkpoint: Checkpoint, current: Checkpoint) -> str:
    """What keeps the checkpoint from being put back in the place of `current`; empty: nothing."""
    match checkpoint.status:
        case CheckpointStatus.PRODUCTION:
            return f"Checkpoint {checkpoint.id} is in production already"
        case CheckpointStatus.REJECTED:
            return f"Checkpoint {checkpoint.id} did not pass its exam and cannot be promoted"
        case CheckpointStatus.CANDIDATE:
            row = session.get(Round, checkpoint.round_id) if checkpoint.round_id else None
            if row is None or row.finished_at is not None:
                return f"Checkpoint {checkpoint.id} was not promoted by its round, which has ended; start a new round"
            return f"Checkpoint {checkpoint.id} has not been in production; sign off its round ({row.id}) instead"
    # By content, not by name: a base model that was made again keeps its name.
    own, served = store.base_of(session, checkpoint).id, store.base_of(session, current).id
    if own != served:
        return f"Checkpoint {checkpoint.id} belongs to the base model {checkpoint.base_model} ({own}), but {current.base_model} ({served}) is served"
    return ""


def _sat(exam: Exam, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "id": exam.id,
        "object": "exam",
        "checkpoint_id": checkpoint.id,
        "status": checkpoint.status,
        "suite": exam.suite,
        "suite_hash": exam.suite_hash,
        "scores": exam.scores,
        "created_at": exam.created_at.isoformat(),
    }


def _shown(session: Session, checkpoint: Checkpoint, current: Checkpoint | None) -> dict[str, Any]:
    return {
        "id": checkpoint.id,
        "object": "checkpoint",
        "status": checkpoint.status,
        "parent_id": checkpoint.parent_id,
        "base_model": checkpoint.base_model,
        "sha256": checkpoint.sha256,
        "round_id": checkpoint.round_id,
        "created_at": checkpoint.created_at.isoformat(),
        "promoted_at": checkpoint.promoted_at.isoformat() if checkpoint.promoted_at else None,
        "promotable": current is not None and not _why_not(session, checkpoint, current),
    }
