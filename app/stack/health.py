"""Whether each process does its work, asked the way its users would ask."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import redis
from kombu.exceptions import OperationalError

from app.api_client import own_address
from app.stack import layout
from app.stack.processes import worker_name
from core import jobs
from core.settings import Settings, vllm_root

Probe = Callable[[], bool]

_BEAT_SECONDS = 3.0
_PING_EVERY_SECONDS = 3.0


def probes(settings: Settings) -> dict[str, Probe]:
    """By process name. Each answers within two seconds and never raises."""
    # One client: each new one reads the certificate store, which costs more than the question.
    client = httpx.Client(timeout=2.0, trust_env=False)
    return {
        "redis": lambda: redis_answers(settings.redis_url),
        **{name: partial(_answers, client, f"{vllm_root(url)}/health") for name, url in settings.vllm_replicas.items()},
        "worker-short": _Worker("short"),
        "worker-train": _Worker("train"),
        "beat": _After(_BEAT_SECONDS),
        "app": lambda: _answers(client, f"{own_address()}/readyz"),
    }


def redis_answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=1.0)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.HTTPError:
        return False


class _After:
    """Beat answers to nobody; that it still runs after a while is all there is to see."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def __call__(self) -> bool:
        return time.monotonic() > self._deadline


class _Worker:
    """A worker is ready when it has said so in its log, or answers a ping: a solo worker that resumes a round at once answers none."""

    def __init__(self, queue: str) -> None:
        self._name = worker_name(queue)
        self._log = layout.log_file(f"worker-{queue}")
        self._seen_bytes = _size(self._log)
        self._next_ping = time.monotonic() + 2 * _PING_EVERY_SECONDS

    def __call__(self) -> bool:
        return self._has_logged_ready() or self._answers_ping()

    def _has_logged_ready(self) -> bool:
        if _size(self._log) < self._seen_bytes:
            self._seen_bytes = 0  # rotated
        try:
            with self._log.open("rb") as stream:
                stream.seek(self._seen_bytes)
                return f"{self._name} ready".encode() in stream.read()
        except FileNotFoundError:
            return False

    def _answers_ping(self) -> bool:
        if time.monotonic() < self._next_ping:
            return False
        self._next_ping = time.monotonic() + _PING_EVERY_SECONDS
        try:
            return bool(jobs.configure().control.ping(destination=[self._name], timeout=1.0))
        except (OSError, redis.RedisError, OperationalError):
            return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
