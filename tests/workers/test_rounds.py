"""A round, stage by stage, in one process: what is written at each end, and that nothing is done twice. The stages' inner parts are stand-ins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import audit, jobs, store
from core.artifacts import new_artifact, verify_artifact
from core.db import reading, unit_of_work
from core.errors import ArtifactError, GateError, LostLease, Unavailable
from core.settings import settings
from core.states import CheckpointStatus, FeedbackStatus, RoundStatus
from core.tables import AuditEvent, Checkpoint, Conversation, Feedback, Round, Turn, utc_now
from evals.decision import Outcome
from tests.workers import standin_app
from tests.workers.house import fetch
from workers import rounds
from workers.lease import Lease
from workers.serving import adapters


@pytest.fixture(autouse=True)
def standins(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The stand-ins for this test alone, and a list of the messages that were sent instead of a broker."""
    monkeypatch.setattr(rounds, "build_round_dataset", standin_app.dataset)
    monkeypatch.setattr(rounds, "contamination", standin_app.nothing_shared)
    monkeypatch.setattr(rounds, "decide", standin_app.decision)
    monkeypatch.setattr(rounds.training, "COMMAND", standin_app.TRAINER)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(jobs, "send", lambda name, argument: sent.append((name, argument)))
    return sent


def sign_off(round_id: str) -> None:
    with unit_of_work() as session:
        store.get_round(session, round_id).signed_off_by = "a clinician"


def run_to(round_id: str, status: RoundStatus) -> None:
    for _ in range(8):
        row = fetch(round_id)
        if row.status == status:
            return
        rounds.work(rounds.JOB_OF[RoundStatus(row.status)], round_id)
    raise AssertionError(f"{fetch(round_id).status}, not {status}: {fetch(round_id).error}")


def events() -> list[str]:
    with reading() as session:
        assert audit.first_broken(session) is None
        return [e.action for e in session.query(AuditEvent).order_by(AuditEvent.seq)]


def give_feedback() -> str:
    with unit_of_work() as session:
        user = store.add_user(session, "a clinician", "clinician", "hash")  # type: ignore[arg-type]  # a role as text
        conversation = Conversation(user_id=user.id)
        session.add(conversation)
        session.flush()
        turn = Turn(
            conversation_id=conversation.id, user_id=user.id, checkpoint_id=store.production(session).id, messages=[], reply="", finish_reason="stop",
            claims=[], findings=[], usage={}, latency_ms=1.0,
        )  # fmt: skip
        store.add_turn(session, turn)
        feedback = Feedback(turn_id=turn.id, user_id=user.id, ratings={}, flags=[], status=FeedbackStatus.ACCEPTED)
        store.add_feedback(session, feedback)
        return feedback.id


def test_a_round_goes_from_queued_to_promoted(a_round: Round, vllm: Callable[..., Any], standins: list[tuple[str, str]]) -> None:
    vllm()
    run_to(a_round.id, RoundStatus.AWAITING_SIGNOFF)
    sign_off(a_round.id)
    run_to(a_round.id, RoundStatus.PROMOTED)
    row = fetch(a_round.id)
    assert row.finished_at is not None
    assert row.decision is not None
    with reading() as session:
        assert store.production(session).id == row.candidate_id == rounds.candidate_id(a_round.id)
    assert events() == ["round.decided", "checkpoint.promoted"]
    assert standins == [(jobs.ROUND_TRAIN, a_round.id), (jobs.ROUND_STEP, a_round.id)], "training and examination were sent for; a sign-off is not"
    assert (rounds.training.round_folder(a_round.id) / "report" / "decision.md").exists()


def test_a_policy_that_cannot_be_read_any_more_holds_the_round_before_anything_is_examined(
    a_round: Round, vllm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Somebody is editing it: no fault of the candidate, which is not rejected for it."""
    vllm()
    run_to(a_round.id, RoundStatus.EVALUATING)
    broken = tmp_path / "policy.toml"
    broken.write_text("margin = ")
    monkeypatch.setattr(rounds, "settings", lambda: settings().model_copy(update={"gate_policy": broken}))
    rounds.work(jobs.ROUND_STEP, a_round.id)
    row = fetch(a_round.id)
    assert (row.status, "policy.toml" in (row.error or "")) == (RoundStatus.HELD, True)
    with reading() as session:
        assert store.get_checkpoint(session, rounds.candidate_id(a_round.id)).status == CheckpointStatus.CANDIDATE
        assert store.list_exams(session) == []


def test_rounds_that_an_exam_has_decided_are_counted_once_however_often_the_stage_is_run(a_round: Round, vllm: Callable[..., Any]) -> None:
    vllm()
    run_to(a_round.id, RoundStatus.AWAITING_SIGNOFF)
    decision = fetch(a_round.id).decision
    assert decision is not None
    with reading() as session:
        assert store.rounds_decided_by(session, decision["suite_hash"], but=a_round.id) == 0
        assert store.rounds_decided_by(session, decision["suite_hash"], but="round-later") == 1
        assert store.rounds_decided_by(session, "0" * 64, but="round-later") == 0


def test_a_message_that_comes_again_does_nothing(a_round: Round, vllm: Callable[..., Any]) -> None:
    vllm()
    run_to(a_round.id, RoundStatus.AWAITING_SIGNOFF)
    before = fetch(a_round.id)
    for job in (jobs.ROUND_TRAIN, jobs.ROUND_STEP):
        rounds.work(job, a_round.id)
    assert fetch(a_round.id).fence == before.fence
    sign_off(a_round.id)
    run_to(a_round.id, RoundStatus.PROMOTED)
    promoted_at = fetch(a_round.id).finished_at
    rounds.work(jobs.ROUND_STEP, a_round.id)
    assert fetch(a_round.id).finished_at == promoted_at
    assert events().count("checkpoint.promoted") == 1


def test_a_message_for_another_queue_is_left_alone(a_round: Round) -> None:
    rounds.work(jobs.ROUND_STEP, a_round.id)
    assert fetch(a_round.id).status == RoundStatus.QUEUED


def test_a_message_about_nothing_is_dropped(house: Path) -> None:
    rounds.work(jobs.ROUND_STEP, "round-of-nothing")


@pytest.mark.parametrize(("outcome", "candidate"), [(Outcome.HOLD, CheckpointStatus.CANDIDATE), (Outcome.REJECT, CheckpointStatus.REJECTED)])
def test_what_the_gate_does_not_promote_is_held(
    a_round: Round, vllm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, outcome: Outcome, candidate: CheckpointStatus
) -> None:
    vllm()
    feedback_id = give_feedback()
    with unit_of_work() as session:
        assert store.claim_feedback(session, a_round.id)
    monkeypatch.setenv("STANDIN_OUTCOME", outcome)
    run_to(a_round.id, RoundStatus.HELD)
    row = fetch(a_round.id)
    assert row.decision is not None
    assert row.decision["outcome"] == outcome
    with reading() as session:
        assert store.get_checkpoint(session, rounds.candidate_id(a_round.id)).status == candidate
        assert store.production(session).id == a_round.parent_id
        assert store.servable_checkpoints(session) == []
        assert session.get_one(Feedback, feedback_id).round_id is None, "the next round learns from it"
    assert adapters.served() == {a_round.parent_id}


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ArtifactError("the disk is full"), RoundStatus.FAILED, "the disk is full"),
        (GateError("not comparable"), RoundStatus.HELD, "not comparable"),
        (ZeroDivisionError("secret detail"), RoundStatus.FAILED, "Unexpected ZeroDivisionError while building; see the worker's log"),
        (Unavailable("away"), RoundStatus.BUILDING, None),
        (LostLease("gone"), RoundStatus.BUILDING, None),
    ],
)
def test_each_kind_of_error_ends_a_stage_in_its_own_way(
    a_round: Round, monkeypatch: pytest.MonkeyPatch, error: Exception, status: RoundStatus, reason: str | None
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(rounds, "build_round_dataset", fail)
    rounds.work(jobs.ROUND_TRAIN, a_round.id)
    row = fetch(a_round.id)
    assert (row.status, row.error) == (status, reason)
    assert row.lease_until is None


@pytest.mark.parametrize(
    ("error", "status", "candidate"),
    [
        (ArtifactError("damaged"), RoundStatus.FAILED, CheckpointStatus.REJECTED),
        (GateError("not comparable"), RoundStatus.HELD, CheckpointStatus.CANDIDATE),
    ],
)
def test_a_round_that_ends_in_an_error_gives_its_feedback_back_and_its_candidate_is_not_served(
    a_round: Round, vllm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: Exception, status: RoundStatus, candidate: CheckpointStatus
) -> None:
    vllm()
    feedback_id = give_feedback()
    with unit_of_work() as session:
        assert store.claim_feedback(session, a_round.id)

    def fail(*_: object) -> None:
        with reading() as session:
            trained = store.get_checkpoint(session, rounds.candidate_id(a_round.id))
        adapters.load(trained)
        raise error

    monkeypatch.setattr(rounds, "examine", fail)
    run_to(a_round.id, status)
    assert adapters.served() == {a_round.parent_id}
    with reading() as session:
        assert session.get_one(Feedback, feedback_id).round_id is None
        assert store.get_checkpoint(session, rounds.candidate_id(a_round.id)).status == candidate
        assert store.servable_checkpoints(session) == []


@pytest.mark.parametrize("status", [RoundStatus.QUEUED, RoundStatus.TRAINING, RoundStatus.EVALUATING, RoundStatus.AWAITING_SIGNOFF])
def test_a_round_can_be_cancelled_in_every_stage_by_either_job(a_round: Round, vllm: Callable[..., Any], status: RoundStatus) -> None:
    vllm()
    run_to(a_round.id, status)
    with unit_of_work() as session:
        store.get_round(session, a_round.id).cancel_requested = True
    rounds.work(jobs.ROUND_STEP, a_round.id)
    assert fetch(a_round.id).status == RoundStatus.CANCELLED
    with reading() as session:
        candidate = session.get(Checkpoint, rounds.candidate_id(a_round.id))
    assert candidate is None or candidate.status == CheckpointStatus.REJECTED


def test_a_worker_that_was_replaced_in_its_last_moment_changes_nothing(a_round: Round) -> None:
    lease = rounds.take(jobs.ROUND_TRAIN, a_round.id)
    assert lease is not None
    with unit_of_work() as session:
        store.get_round(session, a_round.id).lease_until = utc_now()
        session.flush()
        assert store.take_lease(session, a_round.id, "another", 60)
    with lease, pytest.raises(LostLease):
        rounds.build(lease, fetch(a_round.id))
    assert fetch(a_round.id).status == RoundStatus.BUILDING


def test_a_candidate_is_not_promoted_over_a_checkpoint_it_was_never_compared_with(a_round: Round, vllm: Callable[..., Any]) -> None:
    run_with_other_production(a_round, vllm)
    run_to(a_round.id, RoundStatus.HELD)
    assert "came into production" in (fetch(a_round.id).error or "")


def run_with_other_production(a_round: Round, vllm: Callable[..., Any]) -> None:
    vllm()
    run_to(a_round.id, RoundStatus.AWAITING_SIGNOFF)
    folder = settings().data_dir / "checkpoints" / "cp-other"
    with new_artifact(folder) as draft:
        (draft / "adapter_config.json").write_text("{}")
    with unit_of_work() as session:
        other = Checkpoint(
            id="cp-other", parent_id=a_round.parent_id, base_model=settings().base_model, uri=str(folder), sha256=verify_artifact(folder),
            status=CheckpointStatus.RETIRED,
        )  # fmt: skip
        store.add_candidate(session, other)
        store.set_production(session, other.id)
    sign_off(a_round.id)


def test_a_damaged_adapter_is_not_registered(a_round: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(lease: Lease) -> bool:
        with new_artifact(settings().data_dir / "checkpoints" / rounds.candidate_id(lease.round_id)) as draft:
            (draft / "adapter_model.safetensors").write_text("weights")
        (settings().data_dir / "checkpoints" / rounds.candidate_id(lease.round_id) / "adapter_model.safetensors").write_text("other")
        return True

    monkeypatch.setattr(rounds.training, "train", damaged)
    run_to(a_round.id, RoundStatus.FAILED)
    assert "was changed" in (fetch(a_round.id).error or "")
