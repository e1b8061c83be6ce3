"""What runs, with which command, environment and patience. Pure: the settings decide."""

import os
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from core.settings import Settings

_LOCAL = {"127.0.0.1", "localhost", "::1"}


class Process(NamedTuple):
    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    why: str
    """Why the environment is as it is, for the reader of the rendered file."""
    start_seconds: int
    stop_seconds: int
    start_retries: int = 3


class Endpoint(NamedTuple):
    host: str
    port: int
    setting: str
    """The setting that names it, for messages."""


def is_local(url: str) -> bool:
    return urlsplit(url).hostname in _LOCAL


def redis_endpoint(settings: Settings) -> Endpoint:
    address = urlsplit(settings.redis_url)
    return Endpoint(address.hostname or "127.0.0.1", address.port or 6379, "REDIS_URL")


def own_vllms(settings: Settings) -> dict[str, Endpoint]:
    """Those of VLLM_URL that are this machine's, and so are started here, by the name of their process."""
    local = {name: urlsplit(url) for name, url in settings.vllm_replicas.items() if is_local(url)}
    return {name: Endpoint(address.hostname or "127.0.0.1", address.port or 80, "VLLM_URL") for name, address in local.items()}


def app_endpoint(settings: Settings) -> Endpoint:
    return Endpoint(settings.host, settings.port, "PORT")


def is_from_hub(settings: Settings) -> bool:
    return settings.base_model != "starter" and not Path(settings.base_model).exists()


def worker_name(queue: str) -> str:
    return f"{queue}@{os.uname().nodename}"


def processes(settings: Settings, redis_server: str | None) -> tuple[Process, ...]:
    """In starting order. `redis_server` None: an existing Redis is used."""
    return (
        *([_redis(settings, redis_server)] if redis_server else []),
        *(_vllm(name) for name in own_vllms(settings)),
        _worker(settings, "short", stop_seconds=15),
        # The training child stops at its next step; killed, it resumes from its last checkpoint.
        _worker(settings, "train", stop_seconds=25),
        _beat(settings),
        _app(),
    )


def _redis(settings: Settings, redis_server: str) -> Process:
    config = settings.data_dir.resolve() / "redis" / "redis.conf"
    return Process("redis", (redis_server, str(config)), {}, "Redis needs none", start_seconds=1, stop_seconds=15)


def _vllm(name: str) -> Process:
    env = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    why = "One OpenMP thread: a busy neighbour collapses a wider team to a few tokens a second (workers.serving.command sets the rest)"
    return Process(name, (sys.executable, "-m", "workers.serving", name), env, why, start_seconds=8, stop_seconds=35)


def _worker(settings: Settings, queue: str, stop_seconds: int) -> Process:
    argv: tuple[str, ...] = (sys.executable, "-m", "celery", "-A", "workers.celery_app:celery", "worker", "-Q", queue, "-n", f"{queue}@%h")
    # Short jobs run beside each other, so that a roll-back need not wait for an exam. The training child is tied to its worker's main thread.
    argv += ("--pool", "solo") if queue == "train" else ("--pool", "threads", "--concurrency", "2")
    env = {
        "OMP_NUM_THREADS": str(settings.train_threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "MALLOC_TRIM_THRESHOLD_": "1000000000",
        "MALLOC_MMAP_THRESHOLD_": "1000000000",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if not is_from_hub(settings):
        env["HF_HUB_OFFLINE"] = "1"
    why = "Passive waiting: two spinning threads beside another job were 11 times slower. The malloc thresholds save 16 % of a training step"
    options = ("--loglevel", "INFO", "--without-gossip", "--without-mingle")
    return Process(f"worker-{queue}", argv + options, env, why, start_seconds=3, stop_seconds=stop_seconds)


def _beat(settings: Settings) -> Process:
    schedule = str(settings.data_dir.resolve() / "beat-schedule")
    argv = (sys.executable, "-m", "celery", "-A", "workers.celery_app:celery", "beat", "-s", schedule, "--pidfile", "", "--loglevel", "WARNING")
    return Process("beat", argv, {"OMP_NUM_THREADS": "1"}, "Beat computes nothing", start_seconds=3, stop_seconds=5)


def _app() -> Process:
    return Process("app", (sys.executable, "-m", "app"), {"OMP_NUM_THREADS": "1", "GRADIO_ANALYTICS_ENABLED": "False"}, "Serving stays light", 3, 12)
