"""Jobs leave by name and id; a broker that is away is noted and otherwise nothing happens."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from celery import Celery

from core import jobs
from core.errors import Unavailable
from core.settings import Settings, settings
from tests.redis_server import RedisServer


def test_a_broker_that_is_away_is_not_an_error(test_settings: Settings) -> None:
    structlog.reset_defaults()  # another test may have set a level that hides warnings
    began = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        jobs.send(jobs.ROUND_TRAIN, "round-1")
    assert time.monotonic() - began < 5
    assert [(e["log_level"], e["job"], e["argument"]) for e in logs] == [("warning", jobs.ROUND_TRAIN, "round-1")]


@pytest.fixture
def redis(test_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    monkeypatch.setenv("REDIS_URL", server.url)
    settings.cache_clear()
    monkeypatch.setattr(jobs, "celery", Celery("test"))  # the product's own keeps connections to where another test sent
    yield server
    server.kill()


def test_a_broker_that_hangs_is_one_that_is_away(redis: RedisServer) -> None:
    jobs.send_or_fail(jobs.CHECKPOINT_SERVE, "cp-1")  # leaves a connection that is used again
    redis.hang()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="Redis does not answer"):
        jobs.send_or_fail(jobs.CHECKPOINT_SERVE, "cp-1")
    assert time.monotonic() - began < 10


def test_the_three_visibility_timeouts_agree(test_settings: Settings) -> None:
    conf = jobs.configure().conf
    assert conf.visibility_timeout == conf.broker_transport_options["visibility_timeout"] == conf.result_backend_transport_options["visibility_timeout"]
    assert conf.broker_url == test_settings.redis_url


def test_training_has_a_queue_of_its_own(test_settings: Settings) -> None:
    routes = jobs.configure().amqp.router
    assert routes.route({}, jobs.ROUND_TRAIN)["queue"].name == "train"
    assert routes.route({}, jobs.ROUND_STEP)["queue"].name == "short"
