"""The Celery application of the worker and beat processes: `celery -A workers.celery_app:celery worker -Q train --pool solo`.

Tasks carry an id, hold no logic and return nothing. The queue `train` is worked on with `--pool solo`, because the training child is
tied to the thread that started it; `short` with `--pool threads`, so that a roll-back does not wait for an exam. Never a pool that
forks: its processes would share database and HTTP connections.
"""

from typing import Any

from celery import signals

from core import audit, jobs
from core.db import unit_of_work
from core.errors import AppError, Unavailable
from core.logging import configure_logging, correlation_id, get_logger
from core.settings import settings
from workers import beat, rounds
from workers.lease import worker_stopping
from workers.serving import promotion

celery = jobs.configure()
log = get_logger("worker")


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery leaves logging alone when this signal has a receiver."""
    configure_logging(settings().log_level)


@signals.worker_shutting_down.connect
def _leave_off(**_: Any) -> None:
    """Sent from the signal handler: a long stage sees it, gives its lease back, and the next worker goes on where it was."""
    worker_stopping.set()


@celery.task(name=jobs.ROUND_TRAIN)
def round_train(round_id: str) -> None:
    rounds.work(jobs.ROUND_TRAIN, round_id)


@celery.task(name=jobs.ROUND_STEP)
def round_step(round_id: str) -> None:
    rounds.work(jobs.ROUND_STEP, round_id)


# Acknowledged before it is done: a wish to roll back that comes again a day later, after a crash, would undo what was decided since.
@celery.task(name=jobs.CHECKPOINT_SERVE, acks_late=False)
def checkpoint_serve(checkpoint_id: str) -> None:
    correlation_id.set(checkpoint_id)
    try:
        promotion.promote(checkpoint_id, actor="worker")
    except AppError as error:
        log.error("not promoted", checkpoint=checkpoint_id, reason=str(error))
        with unit_of_work() as session:
            audit.record(session, "worker", "checkpoint.not_promoted", checkpoint_id, reason=str(error))


@celery.task(name=jobs.WATCH)
def watch() -> None:
    try:
        beat.watch()
    except Unavailable as error:
        log.warning("watch postponed", reason=str(error))
