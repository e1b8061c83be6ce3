"""A round, stage by stage: build -> train -> evaluate and decide -> await sign-off -> canary, where the policy asks for one -> promote.

A stage may be run twice, by two workers, in part: it looks at what is there, does what is missing, and ends in one transaction that
writes the next status, gives the lease back and queues the next job. Errors are turned into a round's state here and nowhere else.
"""

from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError
from sqlalchemy.orm import Session

from core import audit, jobs, store
from core.artifacts import verify_artifact
from core.db import reading, send_after_commit, unit_of_work
from core.errors import AppError, GateError, LostLease, NotFound, RecipeError, SuiteError, Unavailable
from core.logging import get_logger
from core.settings import settings
from core.states import CheckpointStatus, RoundStatus
from core.tables import Checkpoint, Round, utc_now
from core.types import EvalReport, Progress
from evals.canary import CanaryState, Verdict, look, open_state
from evals.decision import Circumstances, GatePolicy, Outcome
from evals.gate import decide
from evals.policy import load_policy
from evals.report import write_report
from evals.suites import Suite, load_suite
from workers import training
from workers.building import build_round_dataset, contamination
from workers.examination import examine, frozen_policy
from workers.lease import Lease, owner_name
from workers.serving import promotion

log = get_logger("rounds")

_ACTOR = "worker"

JOB_OF: dict[RoundStatus, str] = {
    RoundStatus.QUEUED: jobs.ROUND_TRAIN,
    RoundStatus.BUILDING: jobs.ROUND_TRAIN,
    RoundStatus.TRAINING: jobs.ROUND_TRAIN,
    RoundStatus.EVALUATING: jobs.ROUND_STEP,
    RoundStatus.AWAITING_SIGNOFF: jobs.ROUND_STEP,
    RoundStatus.CANARY: jobs.ROUND_STEP,
}
"""Which job, and so which queue, does the work of each unfinished status."""


# --- the stages --------------------------------------------------------------------------------------------------


def build(lease: Lease, row: Round) -> None:
    if not build_round_dataset(lease, row, training.round_folder(row.id) / "dataset"):
        return cancel(lease)
    with lease.hand_over() as (session, row):
        return move(session, row, RoundStatus.TRAINING)


def train(lease: Lease, row: Round) -> None:
    if not training.train(lease):
        return cancel(lease)
    folder = settings().data_dir.resolve() / "checkpoints" / candidate_id(row.id)
    digest = verify_artifact(folder)
    with lease.hand_over() as (session, row):
        parent = store.get_checkpoint(session, row.parent_id)
        candidate = Checkpoint(
            id=candidate_id(row.id),
            parent_id=parent.id,
            base_model=parent.base_model,
            uri=str(folder),
            sha256=digest,
            status=CheckpointStatus.CANDIDATE,
            round_id=row.id,
        )
        store.add_candidate(session, candidate)
        return move(session, row, RoundStatus.EVALUATING, candidate_id=candidate.id)


def evaluate(lease: Lease, row: Round) -> None:
    """Candidate, parent and the fixed anchor (the base model) sit the same exam; the frozen policy decides."""
    policy = frozen_policy(row)
    whole, policy_now = _suite(policy), _policy_now()
    with lease.write() as (session, row):
        _require_same_production(session, row)
        candidate = _candidate(session, row)
        parent = store.get_checkpoint(session, row.parent_id)
        anchor = store.base_of(session, parent)
        suite = whole.slice(store.rounds_before(session, row), policy.slices)
        decided_before = store.rounds_decided_by(session, suite.hash, but=row.id)
    reports: list[EvalReport] = []
    for checkpoint in (parent, candidate, anchor):
        report = examine(lease, checkpoint, suite)
        if report is None:
            return cancel(lease)
        reports.append(report)
    before, after, fixed = reports
    circumstances = Circumstances(
        contamination=contamination(training.round_folder(row.id) / "dataset", whole),
        policy_now=policy_now,
        decided_before=decided_before,
    )
    decision = decide(policy, suite, before, after, fixed, circumstances)
    write_report(decision, training.round_folder(row.id) / "report", suite, before, after)
    with lease.hand_over() as (session, row):
        status = RoundStatus.AWAITING_SIGNOFF if decision.outcome is Outcome.PROMOTE else RoundStatus.HELD
        if decision.outcome is Outcome.REJECT:
            _candidate(session, row).status = CheckpointStatus.REJECTED
        audit.record(session, _ACTOR, "round.decided", row.id, outcome=decision.outcome, candidate=decision.candidate, policy=decision.policy_hash)
        move(session, row, status, decision=decision.model_dump(mode="json"))
        if status is RoundStatus.HELD:
            store.release_feedback(session, row.id)
    return promotion.unload_unservable()


def _suite(policy: GatePolicy) -> Suite:
    """The exam that the policy names. Raises GateError, which holds the round: that its file cannot be read is no fault of the candidate."""
    try:
        return load_suite(policy.suite, settings().gate_policy.parent)
    except (SuiteError, NotFound) as error:
        raise GateError(str(error)) from error


def _policy_now() -> GatePolicy:
    """What the policy's file says. Raises GateError, which holds the round: that somebody is editing it is no fault of the candidate."""
    try:
        return load_policy(settings().gate_policy)
    except RecipeError as error:
        raise GateError(str(error)) from error


def release(lease: Lease, row: Round) -> None:
    """What follows a sign-off: a canary, where the frozen policy asks for one, else production."""
    canary = frozen_policy(row).canary
    if canary is None:
        return promote(lease, row)
    _bring_up(lease)
    with lease.hand_over() as (session, row):
        if row.cancel_requested:
            return close(session, row, RoundStatus.CANCELLED, None)
        _require_same_production(session, row)
        audit.record(session, row.signed_off_by or _ACTOR, "canary.began", row.id, candidate=row.candidate_id, share=canary.share)
        return move(session, row, RoundStatus.CANARY, canary=open_state(canary, utc_now()).model_dump(mode="json"))


def watch_canary(lease: Lease, row: Round) -> None:
    """One look, which ends the canary or leaves it to the next: beat sends the job again. It may wait for days, and no worker is held for that."""
    with reading() as session:
        state = _look(session, row)
    if state.verdict is Verdict.PASSED:
        return promote(lease, row, state)
    with lease.hand_over() as (session, row):
        if row.cancel_requested:
            return close(session, row, RoundStatus.CANCELLED, None)
        _require_same_production(session, row)
        row.canary = state.model_dump(mode="json")
        if state.verdict is Verdict.WATCHING:
            return store.set_round_status(session, row, RoundStatus.CANARY, progress=_watched(state))
        if state.verdict is Verdict.HARM:
            _candidate(session, row).status = CheckpointStatus.REJECTED
            audit.record(session, _ACTOR, "canary.stopped", row.id, candidate=row.candidate_id, reason=state.reason)
        close(session, row, RoundStatus.HELD, f"The canary {'was stopped for harm' if state.verdict is Verdict.HARM else 'saw too little'}: {state.reason}")
    return promotion.unload_unservable()


def promote(lease: Lease, row: Round, trial: CanaryState | None = None) -> None:
    """`trial`: the canary that the candidate has passed."""
    candidate = _bring_up(lease)
    with lease.hand_over() as (session, row):
        if row.cancel_requested:
            return close(session, row, RoundStatus.CANCELLED, None)
        _require_same_production(session, row)
        row.canary = trial.model_dump(mode="json") if trial else None
        promotion.flip(session, candidate.id, row.signed_off_by or _ACTOR, round=row.id, **({"canary": trial.reason} if trial else {}))
        move(session, row, RoundStatus.PROMOTED)
    return promotion.unload_unservable()


def _bring_up(lease: Lease) -> Checkpoint:
    """The candidate, which may be in production and answers in vLLM."""
    with lease.write() as (session, row):
        _require_same_production(session, row)
        candidate = promotion.promotable(session, _candidate(session, row).id)
    promotion.bring_up(candidate)
    return candidate


STAGES: dict[RoundStatus, Callable[[Lease, Round], None]] = {
    RoundStatus.BUILDING: build,
    RoundStatus.TRAINING: train,
    RoundStatus.EVALUATING: evaluate,
    RoundStatus.AWAITING_SIGNOFF: release,
    RoundStatus.CANARY: watch_canary,
}


def candidate_id(round_id: str) -> str:
    """Immutable name of what the round trains, known before it exists."""
    return f"cp-{round_id.removeprefix('round-')}"


def move(session: Session, row: Round, status: RoundStatus, **changes: object) -> None:
    """The next status, and the job that works on it once this transaction is durable."""
    store.set_round_status(session, row, status, progress=_standing(status), **changes)
    if status in JOB_OF and status is not RoundStatus.AWAITING_SIGNOFF:
        send_after_commit(session, JOB_OF[status], row.id)
    log.info("round moves on", round=row.id, status=status)


def _standing(status: RoundStatus) -> dict[str, object]:
    """Progress of a stage that has not said anything of its own yet."""
    return Progress(stage=status, done=int(status.is_final), total=1).model_dump(mode="json")


def _look(session: Session, row: Round) -> CanaryState:
    """Raises GateError when the round was frozen, or its canary begun, by another version of the product."""
    policy = frozen_policy(row).canary
    try:
        before = CanaryState.model_validate(row.canary)
    except ValidationError as error:
        raise GateError(f"The canary of round {row.id} was begun by another version of the product; start a new round") from error
    if policy is None or row.candidate_id is None:
        raise GateError(f"Round {row.id} has no canary to look at; start a new round")
    turns, judgements = store.canary_turns(session, row.id), store.canary_judgements(session, row.id)
    return look(policy, before, row.id, row.parent_id, row.candidate_id, turns, judgements, utc_now())


def _watched(state: CanaryState) -> dict[str, object]:
    done = min(state.candidate.turns, state.min_turns)
    return Progress(stage=RoundStatus.CANARY, done=done, total=state.min_turns, note=f"waits for {state.reason}").model_dump(mode="json")


def _candidate(session: Session, row: Round) -> Checkpoint:
    if row.candidate_id is None:
        raise GateError(f"Round {row.id} has no candidate to examine")
    return store.get_checkpoint(session, row.candidate_id)


def _require_same_production(session: Session, row: Round) -> None:
    """A candidate was made from, and is compared with, one checkpoint. Against another nothing has been shown."""
    current = store.production(session)
    if current.id not in {row.parent_id, row.candidate_id}:
        raise GateError(f"{current.id} came into production while the round compared itself with {row.parent_id}; start a new round")


# --- taking a round up, and every way to end it ---------------------------------------------------------------------


def work(job: str, round_id: str) -> None:
    """What a message asks for: the present stage of the round, if this job does it and nobody else is at it.

    The one boundary: Unavailable leaves the round to beat, LostLease leaves it to another, everything else ends it with a reason.
    """
    try:
        lease = take(job, round_id)
        if lease is not None:
            with lease:
                _run_stage(lease)
    except LostLease as error:
        log.info("stopped: another worker goes on", reason=str(error))
    except Unavailable as error:
        log.warning("left for later", reason=str(error))
    except NotFound as error:
        log.warning("message about nothing", reason=str(error))


def take(job: str, round_id: str) -> Lease | None:
    """The lease, when the round waits for this job; None for a message that is doubled, late or early."""
    with unit_of_work() as session:
        # Locked: another worker may be handing the round over at this moment, and its next stage is not this job's.
        row = store.locked_round(session, round_id)
        if not _waits_for(row, job):
            return None
        fence = store.take_lease(session, round_id, owner_name(), settings().lease_seconds)
        if fence is None:
            return None
        if row.status == RoundStatus.QUEUED:
            store.set_round_status(session, store.fenced_round(session, round_id, fence), RoundStatus.BUILDING)
        return Lease(round_id, fence)


def _waits_for(row: Round, job: str) -> bool:
    if row.finished_at is not None:
        return False
    if row.cancel_requested:
        return True
    return JOB_OF[row.status] == job and (row.status != RoundStatus.AWAITING_SIGNOFF or row.signed_off_by is not None)


def _run_stage(lease: Lease) -> None:
    with lease.write() as (_, row):
        status, cancelled = RoundStatus(row.status), row.cancel_requested
        if status is not RoundStatus.CANARY:  # whose looks go on where the last one stopped
            row.progress = _standing(status)
    try:
        return cancel(lease) if cancelled else STAGES[status](lease, row)
    except (LostLease, Unavailable):
        raise
    except GateError as error:
        finish(lease, RoundStatus.HELD, str(error))
    except AppError as error:
        finish(lease, RoundStatus.FAILED, str(error))
    except Exception as error:  # whatever a bug raises, the round must not hang: its name is shown, the rest is in the log
        log.exception("stage failed", round=lease.round_id, status=status)
        finish(lease, RoundStatus.FAILED, f"Unexpected {type(error).__name__} while {status}; see the worker's log")


def cancel(lease: Lease) -> None:
    finish(lease, RoundStatus.CANCELLED, None)


def finish(lease: Lease, status: RoundStatus, reason: str | None) -> None:
    """Ends the round without a promotion, unless its last transaction has ended it already."""
    with lease.hand_over() as (session, row):
        if row.finished_at is None:
            close(session, row, status, reason)
    with suppress(Unavailable):  # what is away holds nothing, and is told when it comes back what to hold
        promotion.unload_unservable()


def close(session: Session, row: Round, status: RoundStatus, reason: str | None) -> None:
    """The feedback waits for the next round. A held round's candidate was found neither good nor bad, and stays so; others' are rejected."""
    store.set_round_status(session, row, status, progress=_standing(status), error=reason)
    store.release_feedback(session, row.id)
    if status is not RoundStatus.HELD and row.candidate_id and (candidate := _candidate(session, row)).status == CheckpointStatus.CANDIDATE:
        candidate.status = CheckpointStatus.REJECTED
    audit.record(session, _ACTOR, f"round.{status}", row.id, reason=reason)
    log.warning("round ended", round=row.id, status=status, reason=reason)
