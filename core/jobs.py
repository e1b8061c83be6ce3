"""The Celery application and the names of its jobs.

A message carries a name and an id, nothing else: who may work on what is decided by a lease in the database (`core.store`), so a
message that is lost, doubled or late does no harm. Beat re-sends whatever waits without a lease. Its headers say on whose behalf it was
sent, for logs and traces; no work depends on them.
"""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from core.errors import Unavailable
from core.logging import correlation_id
from core.settings import settings
from core.tracing import trace_headers

ROUND_TRAIN = "round.train"
"""Stages that run long: build, train. Queue `train`."""
ROUND_STEP = "round.step"
"""Stages that are short: evaluate, decide, promote. Queue `short`."""
CHECKPOINT_SERVE = "checkpoint.serve"
"""Promote or roll back to the checkpoint of this id. Queue `short`."""
WATCH = "rounds.watch"
"""Beat: re-send lost jobs, start scheduled rounds."""

QUEUES = ("short", "train")

SENT_BY = "balancedbio-sent-by"
"""Header of a message: the request, round or checkpoint in whose course it was sent."""

_WATCH_SECONDS = 10.0
# Longer than any job. The three settings must agree, or Redis delivers a long job twice; the lease would catch it, at the cost of noise.
_VISIBILITY_SECONDS = 24 * 3600

# Of one command: a broker that hangs is one that is away. Above the second for which a worker's blocking pop waits in Redis (kombu's `brpop_timeout`),
# and workers read only what has arrived.
_ANSWER_SECONDS = 3

celery = Celery("balancedbio")


def configure() -> Celery:
    """Binds the application to the present settings; called once by each process that sends or works."""
    celery.conf.update(
        broker_url=settings().redis_url,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        visibility_timeout=_VISIBILITY_SECONDS,
        # A request that starts a round must not wait for a broker that is away: one more try, at once.
        broker_transport_options={
            "visibility_timeout": _VISIBILITY_SECONDS,
            "socket_connect_timeout": 3,
            "socket_timeout": _ANSWER_SECONDS,
            "max_retries": 1,
            "interval_start": 0.1,
            "interval_step": 0,
        },
        result_backend_transport_options={"visibility_timeout": _VISIBILITY_SECONDS},
        task_default_queue="short",
        task_routes={ROUND_TRAIN: {"queue": "train"}},
        # A look that could not be taken in time is not taken later: the next one sees as much.
        beat_schedule={"watch": {"task": WATCH, "schedule": _WATCH_SECONDS, "options": {"expires": _WATCH_SECONDS}}},
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
    )
    return celery


def send(name: str, argument: str) -> None:
    """Sends one job. A broker that is away is not an error: the row waits, and beat sends it again."""
    try:
        send_or_fail(name, argument)
    except Unavailable as error:
        structlog.get_logger("jobs").warning("job not sent; beat will send it again", job=name, argument=argument, error=str(error.__cause__))


def send_or_fail(name: str, argument: str) -> None:
    """For a job of which no row tells beat. Raises Unavailable when the broker is away."""
    configure()
    try:
        celery.send_task(name, args=[argument], retry=False, headers={SENT_BY: correlation_id.get(), **trace_headers()})
    except (OperationalError, OSError) as error:
        raise Unavailable("Redis does not answer, so no worker can be told; try again shortly") from error
