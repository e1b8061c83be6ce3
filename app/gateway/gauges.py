"""The state of the house at the moment Prometheus asks: which parts answer, what is in production, how far a round is, what waits in the queues.

The workers have no port to scrape. What they do stands in the database and what they have yet to do in Redis, so any gateway can tell.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio
import httpx
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from core import jobs, store
from core.db import reading
from core.errors import AppError
from core.settings import settings, vllm_root
from core.states import RoundStatus
from core.tables import Round, utc_now

_TIMEOUT_SECONDS = 2.0
# Of their own: questions to a part that hangs must not take the threads that answer requests.
_threads = CapacityLimiter(4)


class State(Collector):
    """Read once, exposed once."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


async def read() -> State:
    """Asks every part at once. One that does not answer within two seconds is down, and its numbers are missing rather than wrong."""
    up = GaugeMetricFamily("balancedbio_up", "1 when this part of the house answers the gateway, else 0", labels=["part"])
    families: list[Metric] = [up]

    async def ask(part: str, question: Callable[[], Awaitable[list[Metric]]]) -> None:
        try:
            with anyio.fail_after(_TIMEOUT_SECONDS):
                families.extend(await question())
        except (TimeoutError, OSError, AppError, SQLAlchemyError, RedisError, httpx.HTTPError, KeyError, ValueError):
            up.add_metric([part], 0)
        else:
            up.add_metric([part], 1)

    async with anyio.create_task_group() as parts:
        parts.start_soon(ask, "database", _database)
        parts.start_soon(ask, "redis", _redis)
        for replica, url in settings().vllm_replicas.items():
            parts.start_soon(ask, replica, partial(_vllm, vllm_root(url)))
    return State(families)


async def _database() -> list[Metric]:
    return await run_sync(_rounds_and_production, abandon_on_cancel=True, limiter=_threads)


def _rounds_and_production() -> list[Metric]:
    with reading() as session:
        by_status, latest, current = store.count_rounds(session), store.latest_round(session), store.find_production(session)
    rounds = GaugeMetricFamily("balancedbio_rounds", "Rounds by status", labels=["status"])
    for status in RoundStatus:
        rounds.add_metric([status], by_status.get(status, 0))
    production = InfoMetricFamily("balancedbio_production_checkpoint", "The checkpoint that the alias stands for", labels=["checkpoint"])
    if current is not None:
        production.add_metric([current.id], {})
    return [rounds, production, *(_running(latest) if latest is not None and latest.finished_at is None else ())]


def _running(row: Round) -> list[Metric]:
    progress = GaugeMetricFamily("balancedbio_round_progress_ratio", "Share of the running round's stage that is done", labels=["stage"])
    if row.progress is not None:
        progress.add_metric([row.status], row.progress["done"] / max(1, row.progress["total"]))
    lease = GaugeMetricFamily(
        "balancedbio_round_lease_remaining_seconds", "Until the lease of the worker lapses; below 0 it has, and nobody works on the round"
    )
    if row.lease_until is not None:
        lease.add_metric([], (row.lease_until - utc_now()).total_seconds())
    return [progress, lease]


async def _redis() -> list[Metric]:
    waiting = GaugeMetricFamily("balancedbio_queue_length", "Messages that no worker has taken yet", labels=["queue"])
    async with Redis.from_url(settings().redis_url) as client:
        for queue in jobs.QUEUES:
            waiting.add_metric([queue], await client.llen(queue))
    return [waiting]


async def _vllm(root: str) -> list[Metric]:
    # In a thread, as making a client reads the certificate store.
    answer = await run_sync(lambda: httpx.get(f"{root}/health", timeout=_TIMEOUT_SECONDS, trust_env=False), abandon_on_cancel=True, limiter=_threads)
    answer.raise_for_status()
    return []
