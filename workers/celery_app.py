"""The Celery application of the worker and beat processes: `celery -A workers.celery_app:celery worker -Q train --pool solo`.

Tasks carry an id, hold no logic and return nothing. The queue `train` is worked on with `--pool solo`, because the training child is
tied to the thread that started it; `short` with `--pool threads`, so that a roll-back does not wait for an exam. Never a pool that
forks: its processes would share database and HTTP connections.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Task, signals

from core import audit, jobs
from core.db import unit_of_work
from core.errors import AppError, Unavailable
from core.logging import configure_logging, correlation_id, get_logger
from core.settings import settings
from core.tracing import span, start_tracing
from workers import beat, rounds
from workers.lease import worker_stopping
from workers.serving import promotion

celery = jobs.configure()
log = get_logger("worker")


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery leaves logging alone when this signal has a receiver."""
    configure_logging(settings().log_level)


@signals.worker_init.connect
def _trace(**_: Any) -> None:
    start_tracing("balancedbio-worker")


@signals.worker_shutting_down.connect
def _leave_off(**_: Any) -> None:
    """Sent from the signal handler: a long stage sees it, gives its lease back, and the next worker goes on where it was."""
    worker_stopping.set()


@contextmanager
def _message(task: Task, about: str) -> Iterator[None]:
    """Logs and traces of what a message asks for; its first line joins the id it is about to the id of the request that sent it."""
    headers = task.request.headers or {}
    before = correlation_id.set(about)
    try:
        with span(task.name, {"job.about": about}, parent=headers):
            log.info("job taken", job=task.name, sent_by=headers.get(jobs.SENT_BY) or "beat")
            yield
    finally:
        correlation_id.reset(before)  # beat's looks run in this thread too, and are about no round


@celery.task(name=jobs.ROUND_TRAIN, bind=True)
def round_train(task: Task, round_id: str) -> None:
    with _message(task, round_id):
        rounds.work(jobs.ROUND_TRAIN, round_id)


@celery.task(name=jobs.ROUND_STEP, bind=True)
def round_step(task: Task, round_id: str) -> None:
    with _message(task, round_id):
        rounds.work(jobs.ROUND_STEP, round_id)


# Acknowledged before it is done: a wish to roll back that comes again a day later, after a crash, would undo what was decided since.
@celery.task(name=jobs.CHECKPOINT_SERVE, bind=True, acks_late=False)
def checkpoint_serve(task: Task, checkpoint_id: str) -> None:
    with _message(task, checkpoint_id):
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
