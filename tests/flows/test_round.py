"""Walks: feedback to a promoted checkpoint and back; and the same with every part killed on the way."""

import signal

import pytest

from tests.stack import Stack, wait_for

pytestmark = pytest.mark.flow

_FINAL = {"promoted", "held", "failed", "cancelled"}


def status(stack: Stack, round_id: str) -> str:
    try:
        return str(stack.api("GET", f"rounds/{round_id}")["status"])
    except Exception:  # the app may be restarting with the rest
        return "unknown"


def until(stack: Stack, round_id: str, *wanted: str) -> str:
    found = wait_for(f"round {wanted}", lambda: (s := status(stack, round_id)) in {*wanted, *_FINAL} and s)
    row = stack.api("GET", f"rounds/{round_id}")
    assert found in wanted, f"{found}: {row['error']} {row['decision']}"
    return str(found)


def steps(stack: Stack, round_id: str) -> list[int]:
    return [m["step"] for m in stack.api("GET", f"rounds/{round_id}")["metrics"]]


def production(stack: Stack) -> str:
    return next(str(c["id"]) for c in stack.api("GET", "checkpoints")["data"] if c["status"] == "production")


def test_feedback_becomes_a_promoted_checkpoint_and_can_be_rolled_back(stack: Stack) -> None:
    before = production(stack)
    turn = stack.api("POST", "chat/completions", {"model": "balancedbio", "messages": [{"role": "user", "content": "How is gout treated first?"}]})
    feedback = stack.api("POST", "feedback", {"turn_id": turn["balancedbio"]["turn_id"], "rating": -1, "correction": "Naproxen."})
    stack.api("POST", f"feedback/{feedback['id']}/review", {"status": "accepted"})
    round_id = stack.api("POST", "rounds", {})["id"]

    until(stack, round_id, "awaiting_signoff")
    row = stack.api("GET", f"rounds/{round_id}")
    assert row["decision"]["outcome"] == "promote"
    assert sum(line["book"] is None for line in row["decision"]["table"]) == 5
    assert steps(stack, round_id) == list(range(1, 11))
    assert production(stack) == before, "nothing is promoted without a person's sign-off"

    assert stack.command("round", "signoff", round_id).returncode == 0
    until(stack, round_id, "promoted")
    assert production(stack) == row["candidate_id"]
    answer = stack.api("POST", "chat/completions", {"model": "balancedbio", "messages": [{"role": "user", "content": "How is gout treated first?"}]})
    assert answer["balancedbio"]["checkpoint_id"] == row["candidate_id"]

    assert stack.command("rollback").returncode == 0
    wait_for("rollback", lambda: production(stack) == before)
    assert stack.command("audit", "verify").returncode == 0


def test_a_round_that_is_cancelled_ends_and_leaves_production_alone(stack: Stack) -> None:
    before = production(stack)
    round_id = stack.api("POST", "rounds", {})["id"]
    wait_for("training to begin", lambda: steps(stack, round_id))
    assert stack.command("round", "cancel", round_id).returncode == 0
    until(stack, round_id, "cancelled")
    assert production(stack) == before
    wait_for("the training child to be gone", lambda: not stack.processes("alignment train"), 30)


def test_killing_child_worker_and_vllm_in_the_middle_loses_and_doubles_nothing(stack: Stack) -> None:
    round_id = stack.api("POST", "rounds", {})["id"]
    wait_for("step 2", lambda: len(steps(stack, round_id)) >= 2)
    for process in stack.processes("alignment train"):
        process.send_signal(signal.SIGKILL)
    wait_for("training to go on after its child died", lambda: len(steps(stack, round_id)) >= 5)
    for process in stack.processes("worker -Q train"):
        process.send_signal(signal.SIGKILL)
    wait_for("the exam", lambda: status(stack, round_id) in {"evaluating", "awaiting_signoff"})
    for process in stack.processes("vllm"):
        process.send_signal(signal.SIGKILL)
    for process in stack.processes("worker -Q short"):
        process.send_signal(signal.SIGKILL)
    until(stack, round_id, "awaiting_signoff")
    stack.api("POST", f"rounds/{round_id}/signoff")
    until(stack, round_id, "promoted")
    row = stack.api("GET", f"rounds/{round_id}")
    assert steps(stack, round_id) == list(range(1, 11))
    assert [c["id"] for c in stack.api("GET", "checkpoints")["data"]].count(row["candidate_id"]) == 1
    wait_for("vLLM to serve again", lambda: stack.command("ask", "hello").returncode == 0, 90)


def test_a_second_round_waits_for_the_first(stack: Stack) -> None:
    round_id = stack.api("POST", "rounds", {})["id"]
    done = stack.command("round", "start")
    assert done.returncode == 2
    assert round_id in done.stderr
    stack.api("POST", f"rounds/{round_id}/cancel")
    until(stack, round_id, "cancelled")


def test_an_unknown_recipe_is_refused_and_starts_nothing(stack: Stack) -> None:
    count = len(stack.api("GET", "rounds")["data"])
    done = stack.command("round", "start", "--recipe", "no-such-recipe")
    assert done.returncode == 2
    assert "no-such-recipe" in done.stderr
    assert len(stack.api("GET", "rounds")["data"]) == count
