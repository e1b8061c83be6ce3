"""Judgements of turns: given by clinicians, accepted or rejected by reviewers."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from app.gateway import metrics
from app.gateway.auth import Caller, FeedbackCaller, ReviewCaller
from app.gateway.body import json_body
from app.gateway.wire import FeedbackRequest, Id, ReviewRequest, listing
from core import audit, store
from core.db import reading, unit_of_work
from core.phi import deidentify
from core.states import FeedbackStatus
from core.tables import Feedback, Turn

router = APIRouter(prefix="/v1/feedback")


@router.post("", status_code=201)
def give(caller: FeedbackCaller, body: Annotated[FeedbackRequest, Depends(json_body(FeedbackRequest))]) -> dict[str, Any]:
    """Stores one judgement of one of the caller's own turns, de-identified before it is written."""
    with unit_of_work() as session:
        turn = store.turn_of(session, caller.user_id, body.turn_id)
        feedback = _feedback(caller, body)
        store.add_feedback(session, feedback)
        audit.record(session, caller.name, "feedback.give", feedback.id, turn=turn.id, simulated=body.simulated)
    for kind in _kinds(body):
        metrics.feedback.labels(kind).inc()
    return _shown(feedback, turn)


@router.get("")
def listed(caller: ReviewCaller, status: FeedbackStatus | None = None) -> dict[str, Any]:
    """The newest judgements with their turns, for review. They are other people's: that they were shown is on record before they are."""
    with reading() as session:
        rows = [_shown(feedback, turn) for feedback, turn in store.list_feedback(session, status)]
    if rows:
        with unit_of_work() as session:
            audit.record(session, caller.name, "feedback.view", str(status or "all"), shown=len(rows), newest=rows[0]["id"], oldest=rows[-1]["id"])
    return listing(rows)


@router.post("/{feedback_id}/review")
def review(caller: ReviewCaller, feedback_id: Annotated[Id, Path()], body: Annotated[ReviewRequest, Depends(json_body(ReviewRequest))]) -> dict[str, Any]:
    """Accepts a judgement for training, or rejects it. Conflict once a round has learnt from it."""
    with unit_of_work() as session:
        feedback = store.review_feedback(session, feedback_id, caller.user_id, body.status)
        audit.record(session, caller.name, "feedback.review", feedback.id, status=str(body.status))
        return _shown(feedback, store.get_turn(session, feedback.turn_id))


def _feedback(caller: Caller, body: FeedbackRequest) -> Feedback:
    return Feedback(
        turn_id=body.turn_id,
        user_id=caller.user_id,
        ratings={} if body.rating is None else {"overall": body.rating},
        correction=_cleaned(body.correction),
        comment=_cleaned(body.comment),
        flags=[flag for flag, is_set in (("unsafe", body.unsafe), ("simulated", body.simulated)) if is_set],
    )


def _cleaned(text: str | None) -> str | None:
    return deidentify(text.strip()) or None if text else None


def _kinds(body: FeedbackRequest) -> list[str]:
    kinds = {"up": body.rating == 1, "down": body.rating == -1, "correction": body.correction, "comment": body.comment, "unsafe": body.unsafe}
    return [kind for kind, given in kinds.items() if given]


def _shown(feedback: Feedback, turn: Turn) -> dict[str, Any]:
    return {
        "id": feedback.id,
        "object": "feedback",
        "turn_id": turn.id,
        "rating": feedback.ratings.get("overall"),
        "correction": feedback.correction,
        "comment": feedback.comment,
        "flags": feedback.flags,
        "status": feedback.status,
        "round_id": feedback.round_id,
        "created_at": feedback.created_at.isoformat(),
        "reviewed_at": feedback.reviewed_at.isoformat() if feedback.reviewed_at else None,
        "turn": {
            "checkpoint_id": turn.checkpoint_id,
            "messages": turn.messages,
            "reply": turn.reply,
            "finish_reason": turn.finish_reason,
            "findings": turn.findings,
        },
    }
