"""Rounds over HTTP: start, watch, cancel, sign off. The work itself is done by the workers; here a row and a message are written."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from alignment.opening import open_round
from app.gateway.auth import AdminCaller
from app.gateway.body import json_body
from app.gateway.wire import Id, RoundRequest, listing
from core import audit, store
from core.db import reading, send_after_commit, unit_of_work
from core.errors import Conflict, NotAllowed, NotFound
from core.jobs import ROUND_STEP
from core.states import RoundStatus
from core.tables import Round
from evals.decision import Outcome

router = APIRouter(prefix="/v1/rounds")


@router.post("", status_code=201)
def start(caller: AdminCaller, body: Annotated[RoundRequest, Depends(json_body(RoundRequest))]) -> dict[str, Any]:
    """Freezes recipe and gate policy in a new round. Raises RecipeError, or Conflict while another round runs."""
    with unit_of_work() as session:
        row = open_round(session, caller.name, body.recipe or "")
        return _summary(row)


@router.get("")
def listed(caller: AdminCaller) -> dict[str, Any]:
    """The newest rounds, without their metrics."""
    with reading() as session:
        return listing([_summary(row) for row in store.list_rounds(session)])


@router.get("/{round_id}")
def show(caller: AdminCaller, round_id: Annotated[Id, Path()]) -> dict[str, Any]:
    """One round with recipe, policy, decision, the state of its canary and the numbers of each training step."""
    with reading() as session:
        row = store.get_round(session, round_id)
        metrics = [{"step": m.step, "at": m.at.isoformat(), **m.values} for m in store.list_metrics(session, round_id)]
        return _summary(row) | {"recipe": row.recipe, "policy": row.policy, "decision": row.decision, "canary": row.canary, "metrics": metrics}


@router.get("/{round_id}/plots.png", response_class=Response)
def plots(caller: AdminCaller, round_id: Annotated[Id, Path()]) -> Response:
    """Every panel of a round's training on one picture, drawn from the steps so far (half a second)."""
    from alignment.grpo.plots import run_sheet  # matplotlib takes a second to load, which no start should wait for

    with reading() as session:
        rows = [{"step": m.step, **m.values} for m in store.list_metrics(session, store.get_round(session, round_id).id)]
    if not rows:
        raise NotFound(f"Round {round_id} has no training step yet")
    return Response(run_sheet(rows, round_id), media_type="image/png", headers={"Cache-Control": "private, no-cache"})


@router.post("/{round_id}/cancel")
def cancel(caller: AdminCaller, round_id: Annotated[Id, Path()]) -> dict[str, Any]:
    """Asks the workers to stop; they end the round as cancelled. Asking twice is the same as asking once."""
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        if row.finished_at is not None:
            raise Conflict(f"Round {row.id} has ended already: {row.status}")
        if not row.cancel_requested:
            row.cancel_requested = True
            audit.record(session, caller.name, "round.cancel", row.id, status=str(row.status))
        send_after_commit(session, ROUND_STEP, row.id)
        return _summary(row)


@router.post("/{round_id}/signoff")
def sign_off(caller: AdminCaller, round_id: Annotated[Id, Path()]) -> dict[str, Any]:
    """Lets a candidate that passed its exam into production, by way of a canary where its policy asks for one, in the caller's name."""
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        if row.status != RoundStatus.AWAITING_SIGNOFF or row.cancel_requested:
            raise Conflict(f"Round {row.id} does not wait for a sign-off: {'being cancelled' if row.cancel_requested and not row.finished_at else row.status}")
        if (row.decision or {}).get("outcome") != Outcome.PROMOTE:
            raise Conflict(f"The gates did not pass the candidate of round {row.id}")
        if row.policy.get("signoff") == "another_admin" and caller.name == row.requested_by:
            raise NotAllowed(f"You started round {row.id}; its policy asks for the sign-off of another admin")
        if row.signed_off_by is None:
            row.signed_off_by = caller.name
            audit.record(session, caller.name, "round.signoff", row.id, candidate=row.candidate_id, policy=(row.decision or {}).get("policy_hash"))
        send_after_commit(session, ROUND_STEP, row.id)
        return _summary(row)


def _summary(row: Round) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "round",
        "status": row.status,
        "parent_id": row.parent_id,
        "candidate_id": row.candidate_id,
        "progress": row.progress,
        "outcome": (row.decision or {}).get("outcome"),
        "error": row.error,
        "requested_by": row.requested_by,
        "signed_off_by": row.signed_off_by,
        "cancel_requested": row.cancel_requested,
        "created_at": row.created_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }
