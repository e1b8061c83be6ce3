"""What the tests of this room do to a house: start a round in it, look at it, wait for it."""

import socket
import time
from collections.abc import Callable

from alignment.recipe import load_recipe
from core import store
from core.db import reading, unit_of_work
from core.settings import settings
from core.states import RoundStatus
from core.tables import Round
from evals.policy import load_policy

POLL_SECONDS = 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(claim: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """Waits for a claim to come true; fails the test when it does not."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or claim}"
        time.sleep(POLL_SECONDS)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_round() -> Round:
    policy = {**load_policy(settings().gate_policy).model_dump(mode="json"), "suite": "smoke"}
    with unit_of_work() as session:
        return store.add_round(session, load_recipe("test").model_dump(mode="json"), policy, "a test")


def fetch(round_id: str) -> Round:
    with reading() as session:
        return store.get_round(session, round_id)


def in_status(round_id: str, status: RoundStatus) -> Callable[[], bool]:
    return lambda: fetch(round_id).status == status
