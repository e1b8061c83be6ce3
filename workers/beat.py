"""The watch: what got lost is sent again, what cannot be done is given up, what is due is started. Safe to run at any time, any number of times."""

from sqlalchemy.orm import Session

from alignment.opening import open_round
from core import store
from core.db import send_after_commit, unit_of_work
from core.errors import ArtifactError, LostLease, RecipeError
from core.logging import get_logger
from core.settings import settings
from core.states import RoundStatus
from core.tables import Round
from workers.rounds import JOB_OF, close
from workers.serving import promotion

MAX_ATTEMPTS = 5
"""How often a stage may be taken up. Each time it has itself tried what can be tried again."""

_ACTOR = "beat"

log = get_logger("beat")


def watch() -> None:
    """One look at all rounds, and at what vLLM should serve."""
    with unit_of_work() as session:
        for row in store.rounds_without_worker(session):
            _see_to(session, row)
    with unit_of_work() as session:
        _start_what_is_due(session)
    try:
        promotion.keep_served()
    except ArtifactError as error:
        log.error("not served", reason=str(error))


def _see_to(session: Session, row: Round) -> None:
    if row.attempts < MAX_ATTEMPTS or row.cancel_requested:
        if row.status != RoundStatus.CANARY:  # which is looked at every ten seconds, for days
            log.info("sending again", round=row.id, status=row.status, attempts=row.attempts)
        send_after_commit(session, JOB_OF[row.status], row.id)
        return
    try:
        row = store.fenced_round(session, row.id, row.fence)
    except LostLease:
        return  # somebody took it up this very moment
    # A worker that was only frozen must find, when it wakes, that the round is no longer its own.
    row.fence += 1
    where = "while the model server was away" if row.status == RoundStatus.EVALUATING else "without finishing it"
    # What has passed its exam, perhaps days of a canary too, is not thrown away for a model server that was away.
    ended = RoundStatus.HELD if row.status in (RoundStatus.AWAITING_SIGNOFF, RoundStatus.CANARY) else RoundStatus.FAILED
    close(session, row, ended, f"{row.attempts} workers took up the stage {row.status!r} and ended {where}; see the worker's log")


def _start_what_is_due(session: Session) -> None:
    """A round, when enough accepted feedback waits and the last one was promoted. Another end gave its feedback back and waits for a person: started
    by the next look, the same round would end in the same way, again and again.
    """
    threshold = settings().round_feedback_threshold
    if threshold == 0 or store.count_waiting_feedback(session) < threshold or store.find_production(session) is None:
        return
    last = store.latest_round(session)
    if last is not None and last.status != RoundStatus.PROMOTED:
        return
    try:
        open_round(session, _ACTOR)
    except RecipeError as error:
        log.error("no round started", reason=str(error))
