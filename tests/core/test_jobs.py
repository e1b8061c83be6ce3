"""Jobs leave by name and id; a broker that is away is noted and otherwise nothing happens."""

import time

import structlog

from core import jobs
from core.settings import Settings


def test_a_broker_that_is_away_is_not_an_error(test_settings: Settings) -> None:
    structlog.reset_defaults()  # another test may have set a level that hides warnings
    began = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        jobs.send(jobs.ROUND_TRAIN, "round-1")
    assert time.monotonic() - began < 5
    assert [(e["log_level"], e["job"], e["argument"]) for e in logs] == [("warning", jobs.ROUND_TRAIN, "round-1")]


def test_the_three_visibility_timeouts_agree(test_settings: Settings) -> None:
    conf = jobs.configure().conf
    assert conf.visibility_timeout == conf.broker_transport_options["visibility_timeout"] == conf.result_backend_transport_options["visibility_timeout"]
    assert conf.broker_url == test_settings.redis_url


def test_training_has_a_queue_of_its_own(test_settings: Settings) -> None:
    routes = jobs.configure().amqp.router
    assert routes.route({}, jobs.ROUND_TRAIN)["queue"].name == "train"
    assert routes.route({}, jobs.ROUND_STEP)["queue"].name == "short"
