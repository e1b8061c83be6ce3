"""Walks: a part is killed in the middle of the work of others. `make bench-faults` measures these and more, under load."""

import signal
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.stack import Stack, wait_for

pytestmark = pytest.mark.flow

_QUESTION = {"model": "balancedbio", "messages": [{"role": "user", "content": "What is the first-line treatment of gout?"}]}


def kill(stack: Stack, fragment: str) -> None:
    """The processes with it in their command line, but for the supervisor (`-m app.stack.daemon`), which must live."""
    found = [process for process in stack.processes(fragment) if "app.stack" not in " ".join(process.cmdline())]
    assert found, f"no process is {fragment}"
    for process in found:
        process.send_signal(signal.SIGKILL)


def is_ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.address}/readyz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def stored(stack: Stack, table: str) -> set[str]:
    with sqlite3.connect(Path(stack.env["DATA_DIR"]) / "balancedbio.db") as database:
        return {row[0] for row in database.execute(f"SELECT id FROM {table}")}


def test_a_gateway_that_is_killed_has_kept_what_it_acknowledged_and_comes_back(stack: Stack) -> None:
    turns = [stack.api("POST", "chat/completions", _QUESTION)["balancedbio"]["turn_id"] for _ in range(3)]
    judgement = stack.api("POST", "feedback", {"turn_id": turns[-1], "rating": 1})["id"]
    kill(stack, "-m app")
    wait_for("the gateway to be gone", lambda: not is_ready(stack), 10)
    assert set(turns) <= stored(stack, "turns")
    assert judgement in stored(stack, "feedback")
    wait_for("the gateway to be back", lambda: is_ready(stack), 90)
    assert stack.api("POST", "chat/completions", _QUESTION)["balancedbio"]["turn_id"]


def test_questions_are_answered_while_redis_is_dead_and_rounds_go_on_after_it(stack: Stack) -> None:
    kill(stack, "redis-server")
    assert stack.api("POST", "chat/completions", _QUESTION)["balancedbio"]["turn_id"]
    wait_for("Redis to be back", lambda: is_ready(stack), 30)
    round_id = stack.api("POST", "rounds", {})["id"]
    stack.api("POST", f"rounds/{round_id}/cancel")
    wait_for("a worker to take the message", lambda: stack.api("GET", f"rounds/{round_id}")["status"] == "cancelled", 60)
