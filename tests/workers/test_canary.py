"""The canary stage on a real database: what stops it, what it waits for, what a killed worker leaves. The tests make its turns; vLLM is the stand-in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from core import jobs, store
from core.db import reading, unit_of_work
from core.errors import ArtifactError, Unavailable
from core.settings import settings
from core.states import CheckpointStatus, RoundStatus
from core.tables import AuditEvent, Checkpoint, Feedback, Round, utc_now
from evals.canary import CanaryState
from tests.workers.house import fetch
from tests.workers.trial import CRITICAL, POLICY, Trial, sign_off
from workers import beat, rounds
from workers.lease import worker_stopping

Vllm = Callable[..., Any]


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The messages that were sent instead of a broker."""
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(jobs, "send", lambda name, argument: messages.append((name, argument)))
    return messages


@pytest.fixture
def trial(a_round: Round, vllm: Vllm) -> Trial:
    vllm()
    sign_off(a_round.id, POLICY)
    rounds.work(jobs.ROUND_STEP, a_round.id)
    assert fetch(a_round.id).status == RoundStatus.CANARY
    return Trial(a_round.id)


def status_of(checkpoint_id: str | None) -> CheckpointStatus:
    with reading() as session:
        return CheckpointStatus(store.get_checkpoint(session, str(checkpoint_id)).status)


def events() -> list[AuditEvent]:
    with reading() as session:
        return list(session.query(AuditEvent).order_by(AuditEvent.seq))


def served() -> set[str]:
    return {m["id"] for m in httpx.get(f"{settings().vllm_root}/v1/models").json()["data"]}


def test_a_sign_off_begins_a_canary_with_the_candidate_loaded_and_production_as_it_was(trial: Trial) -> None:
    row = trial.row
    assert row.candidate_id in served()
    assert status_of(row.candidate_id) is CheckpointStatus.CANDIDATE
    assert status_of(row.parent_id) is CheckpointStatus.PRODUCTION
    assert [(e.actor, e.action) for e in events()][-1] == ("ada", "canary.began")
    assert trial.state.share == POLICY.share


def test_a_look_without_harm_waits_and_says_for_what(trial: Trial) -> None:
    trial.converse(10)
    row = trial.look()
    assert (row.status, row.lease_until, row.attempts) == (RoundStatus.CANARY, None, 0)
    assert (trial.state.candidate.turns, trial.state.production.turns) == (10, 10)
    assert row.progress is not None
    assert (row.progress["done"], row.progress["total"]) == (10, 20)
    assert row.progress["note"] == "waits for 10 more turns and 2.0 more hours"


def test_looks_without_end_are_not_failed_attempts(trial: Trial, sent: list[tuple[str, str]]) -> None:
    for _ in range(2 * beat.MAX_ATTEMPTS):
        sent.clear()
        beat.watch()
        assert sent == [(jobs.ROUND_STEP, trial.round_id)]
        trial.look()
    assert trial.row.status == RoundStatus.CANARY


def test_harm_ends_it_in_one_step_held_with_the_reason_and_the_candidate_rejected_and_unloaded(trial: Trial) -> None:
    trial.converse(20, candidate={"findings": [CRITICAL]})
    trial.age(hours=3.0)  # the minimum is reached: harm comes first
    row = trial.look()
    assert row.status == RoundStatus.HELD
    assert (row.error or "").startswith("The canary was stopped for harm: unsafe: 100.0% of the candidate's conversations, 0.0% of production's;")
    assert status_of(row.candidate_id) is CheckpointStatus.REJECTED
    assert status_of(row.parent_id) is CheckpointStatus.PRODUCTION
    assert row.candidate_id not in served()
    stopped = [e for e in events() if e.action in {"canary.stopped", "round.held"}]
    assert [e.action for e in stopped] == ["canary.stopped", "round.held"]
    assert stopped[0].detail["candidate"] == row.candidate_id
    assert trial.look().status == RoundStatus.HELD


def test_dislikes_of_people_stop_it_too(trial: Trial) -> None:
    turns = trial.converse(20)
    with unit_of_work() as session:
        for turn_id in turns:
            at = utc_now() - timedelta(minutes=50)
            session.add(Feedback(turn_id=turn_id, user_id=trial.user_id, ratings={"overall": -1}, flags=[], created_at=at))
    assert "disliked: 100.0%" in (trial.look().error or "")


def test_what_is_as_bad_in_production_promotes_when_turns_and_hours_are_over(trial: Trial) -> None:
    slow: dict[str, Any] = {"latency_ms": 60_000.0}
    trial.converse(20, candidate=slow, production=slow)
    trial.age(hours=1.9)
    assert trial.look().status == RoundStatus.CANARY
    trial.age(hours=2.0)
    row = trial.look()
    assert row.status == RoundStatus.PROMOTED
    assert status_of(row.candidate_id) is CheckpointStatus.PRODUCTION
    promoted = events()[-1]
    assert (promoted.action, promoted.actor) == ("checkpoint.promoted", "ada")
    assert promoted.detail["canary"].startswith("20 turns in 2.0 hours")


def test_too_little_traffic_is_held_and_never_promoted(trial: Trial) -> None:
    trial.converse(19)
    trial.age(hours=10.0)
    row = trial.look()
    assert row.status == RoundStatus.HELD
    assert "saw too little: the candidate answered 19 of 20 turns in 10 hours" in (row.error or "")
    assert status_of(row.candidate_id) is CheckpointStatus.CANDIDATE
    assert status_of(row.parent_id) is CheckpointStatus.PRODUCTION


def test_turns_that_have_not_settled_do_not_promote(trial: Trial) -> None:
    """Else a burst of questions would promote before anything could be seen of it."""
    trial.converse(20, hours_ago=0.1)
    trial.age(hours=3.0)
    assert trial.look().status == RoundStatus.CANARY
    assert (trial.state.candidate.turns, trial.state.settling) == (0, 40)


def test_it_can_be_cancelled_and_then_rejects_its_candidate(trial: Trial) -> None:
    with unit_of_work() as session:
        store.get_round(session, trial.round_id).cancel_requested = True
    row = trial.look()
    assert row.status == RoundStatus.CANCELLED
    assert status_of(row.candidate_id) is CheckpointStatus.REJECTED


def test_a_cancel_that_comes_during_a_look_is_heard(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.converse(20)
    trial.age(hours=3.0)
    bring_up = rounds.promotion.bring_up

    def and_cancel(*arguments: Any) -> None:
        bring_up(*arguments)
        with unit_of_work() as session:
            store.get_round(session, trial.round_id).cancel_requested = True

    monkeypatch.setattr(rounds.promotion, "bring_up", and_cancel)
    assert trial.look().status == RoundStatus.CANCELLED
    assert status_of(trial.row.parent_id) is CheckpointStatus.PRODUCTION


def test_another_checkpoint_in_production_ends_it_for_it_was_compared_with_the_parent(trial: Trial) -> None:
    with unit_of_work() as session:
        parent = store.get_checkpoint(session, trial.row.parent_id)
        other = Checkpoint(id="cp-other", parent_id=parent.id, base_model=parent.base_model, uri="x", sha256="1" * 64, status=CheckpointStatus.RETIRED)
        store.add_candidate(session, other)
        store.set_production(session, other.id)
    row = trial.look()
    assert row.status == RoundStatus.HELD
    assert "came into production" in (row.error or "")


@pytest.mark.parametrize("dies_in", ["_look", "promotion.bring_up", "promotion.flip"])
def test_a_worker_that_is_killed_leaves_the_next_one_the_same_canary(trial: Trial, monkeypatch: pytest.MonkeyPatch, dies_in: str) -> None:
    """SystemExit stands for the kill: no handler of the stage runs, and what was not committed is gone."""
    trial.converse(20)
    trial.age(hours=3.0)
    where: Any = rounds.promotion if "." in dies_in else rounds
    name = dies_in.rpartition(".")[2]
    with monkeypatch.context() as patch:

        def die(*_: Any, **__: Any) -> None:
            raise SystemExit

        patch.setattr(where, name, die)
        with pytest.raises(SystemExit):
            trial.look()
    assert trial.row.status == RoundStatus.CANARY
    assert status_of(trial.row.parent_id) is CheckpointStatus.PRODUCTION
    with unit_of_work() as session:
        store.get_round(session, trial.round_id).lease_until = utc_now()  # it lapses by itself
    assert trial.look().status == RoundStatus.PROMOTED
    assert [e.action for e in events()].count("checkpoint.promoted") == 1


def test_a_worker_that_was_replaced_during_its_look_writes_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.converse(20, candidate={"findings": [CRITICAL]})
    look = rounds._look

    def be_slow(session: Any, row: Round) -> CanaryState:
        state = look(session, row)
        with unit_of_work() as other:
            store.get_round(other, trial.round_id).fence += 1
        return state

    monkeypatch.setattr(rounds, "_look", be_slow)
    trial.look()
    assert trial.row.status == RoundStatus.CANARY
    assert status_of(trial.row.candidate_id) is CheckpointStatus.CANDIDATE


def test_a_worker_that_is_asked_to_end_leaves_the_canary_to_the_next(trial: Trial) -> None:
    worker_stopping.set()
    trial.look()
    worker_stopping.clear()
    assert trial.look().status == RoundStatus.CANARY


def test_the_same_rows_give_the_same_state(trial: Trial) -> None:
    trial.converse(15, candidate={"latency_ms": 20_000.0})
    with reading() as session:
        states = [rounds._look(session, store.get_round(session, trial.round_id)) for _ in range(2)]
    assert states[0].model_copy(update={"seen_at": states[1].seen_at, "reason": states[1].reason}) == states[1]


def test_beat_loads_the_candidate_again_where_vllm_lost_it(trial: Trial) -> None:
    candidate_id = str(trial.row.candidate_id)
    httpx.post(f"{settings().vllm_root}/v1/unload_lora_adapter", json={"lora_name": candidate_id})
    assert candidate_id not in served()
    beat.watch()
    assert candidate_id in served()


def test_a_look_needs_no_vllm(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must see harm also while the model server is away."""

    def away(*_: Any) -> None:
        raise Unavailable("vLLM does not answer")

    for name in ("load", "served", "probe", "unload", "wait_until_healthy"):
        monkeypatch.setattr(rounds.promotion.adapters, name, away)
    trial.converse(20, candidate={"findings": [CRITICAL]})
    assert trial.look().status == RoundStatus.HELD


def test_without_a_canary_in_the_policy_a_sign_off_promotes_at_once(a_round: Round, vllm: Vllm) -> None:
    vllm()
    sign_off(a_round.id, None)
    rounds.work(jobs.ROUND_STEP, a_round.id)
    assert (fetch(a_round.id).status, fetch(a_round.id).canary) == (RoundStatus.PROMOTED, None)


def test_a_candidate_that_cannot_be_loaded_begins_no_canary(a_round: Round, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()
    sign_off(a_round.id, POLICY)

    def refused(*_: Any) -> None:
        raise ArtifactError("vLLM refused it")

    monkeypatch.setattr(rounds.promotion.adapters, "load", refused)
    rounds.work(jobs.ROUND_STEP, a_round.id)
    assert fetch(a_round.id).status == RoundStatus.FAILED


def test_a_state_of_another_version_holds_the_round(trial: Trial) -> None:
    with unit_of_work() as session:
        store.get_round(session, trial.round_id).canary = {"pace": 3}
    row = trial.look()
    assert row.status == RoundStatus.HELD
    assert "another version" in (row.error or "")
