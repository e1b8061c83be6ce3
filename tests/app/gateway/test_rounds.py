"""Rounds and checkpoints over HTTP: a row, an audit event and, after the commit, a message with its id."""

from pathlib import Path
from typing import Any

import pytest

from core import audit, jobs, store
from core.db import reading, unit_of_work
from core.settings import settings
from core.states import CheckpointStatus, RoundStatus
from core.tables import AuditEvent, Checkpoint, Exam, Round
from tests.app.gateway.ward import Ward

Jobs = list[tuple[str, str]]


def post(ward: Ward, path: str, **body: Any) -> Any:
    return ward.client.post(path, headers=ward.bearer("ada"), json=body)


def started(ward: Ward) -> str:
    answer = post(ward, "/v1/rounds", recipe="test")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def move(round_id: str, status: RoundStatus, outcome: str) -> None:
    with unit_of_work() as session:
        store.set_round_status(session, store.get_round(session, round_id), status, decision={"outcome": outcome})


def actions() -> list[str]:
    with reading() as session:
        return [e.action for e in session.query(AuditEvent).order_by(AuditEvent.seq)]


def test_a_started_round_freezes_recipe_and_policy_and_is_sent_once(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    shown = ward.client.get(f"/v1/rounds/{round_id}", headers=ward.bearer("ada")).json()
    assert (shown["status"], shown["requested_by"], shown["parent_id"]) == ("queued", "ada", ward.checkpoint_id)
    assert shown["recipe"]["steps"] > 0
    assert shown["policy"]["margin"] > 0
    assert shown["metrics"] == []
    assert sent_jobs == [("round.train", round_id)]
    assert actions() == ["round.start"]
    assert [r["id"] for r in ward.client.get("/v1/rounds", headers=ward.bearer("ada")).json()["data"]] == [round_id]


def test_a_second_round_waits_for_the_first(ward: Ward, sent_jobs: Jobs) -> None:
    started(ward)
    assert post(ward, "/v1/rounds", recipe="test").status_code == 409
    assert len(sent_jobs) == 1


def test_cancel_asks_the_workers_once_and_an_ended_round_cannot_be_cancelled(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    assert [post(ward, f"/v1/rounds/{round_id}/cancel").json()["cancel_requested"] for _ in range(2)] == [True, True]
    assert actions() == ["round.start", "round.cancel"]
    move(round_id, RoundStatus.CANCELLED, "hold")
    assert post(ward, f"/v1/rounds/{round_id}/cancel").status_code == 409


def test_a_sign_off_names_who_did_it_and_sends_the_next_step(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    assert post(ward, f"/v1/rounds/{round_id}/signoff").status_code == 409
    move(round_id, RoundStatus.AWAITING_SIGNOFF, "promote")
    assert post(ward, f"/v1/rounds/{round_id}/signoff").json()["signed_off_by"] == "ada"
    assert sent_jobs == [("round.train", round_id), ("round.step", round_id)]
    assert actions() == ["round.start", "round.signoff"]


def test_where_the_policy_asks_for_another_admin_who_started_the_round_cannot_sign_off(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    move(round_id, RoundStatus.AWAITING_SIGNOFF, "promote")
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        row.policy = row.policy | {"signoff": "another_admin"}
    refused = post(ward, f"/v1/rounds/{round_id}/signoff")
    assert refused.status_code == 403
    assert "another admin" in refused.text
    assert len(sent_jobs) == 1
    with unit_of_work() as session:
        store.get_round(session, round_id).requested_by = "beat"
    assert post(ward, f"/v1/rounds/{round_id}/signoff").json()["signed_off_by"] == "ada"


def test_what_the_gates_did_not_pass_cannot_be_signed_off(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    move(round_id, RoundStatus.AWAITING_SIGNOFF, "hold")
    assert post(ward, f"/v1/rounds/{round_id}/signoff").status_code == 409
    assert len(sent_jobs) == 1


@pytest.mark.parametrize(
    ("status", "of_present_base", "expected"),
    [
        (CheckpointStatus.RETIRED, True, 202),
        (CheckpointStatus.RETIRED, False, 409),
        (CheckpointStatus.REJECTED, True, 409),
        (CheckpointStatus.CANDIDATE, True, 409),
    ],
)
def test_only_what_was_in_production_before_can_be_put_back(
    ward: Ward, sent_jobs: Jobs, status: CheckpointStatus, of_present_base: bool, expected: int
) -> None:
    with unit_of_work() as session:
        # A base model that was made again keeps its name and is another one all the same.
        session.add(Checkpoint(id="base-former", base_model="starter", uri="", sha256="2" * 64, status=CheckpointStatus.RETIRED))
        parent = ward.checkpoint_id if of_present_base else "base-former"
        session.add(Checkpoint(id="cp-old", parent_id=parent, base_model="starter", uri="x", sha256="1" * 64, status=status))
    rows = {row["id"]: row["promotable"] for row in ward.client.get("/v1/checkpoints", headers=ward.bearer("ada")).json()["data"]}
    assert rows == {ward.checkpoint_id: False, "base-former": False, "cp-old": expected == 202}
    assert post(ward, "/v1/checkpoints/cp-old/promote").status_code == expected
    assert sent_jobs == ([("checkpoint.serve", "cp-old")] if expected == 202 else [])
    assert actions() == (["checkpoint.promote"] if expected == 202 else [])


def test_a_candidate_is_told_of_its_round_as_long_as_that_goes_on(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    with unit_of_work() as session:
        session.add(
            Checkpoint(id="cp-new", parent_id=ward.checkpoint_id, base_model="starter", uri="x", sha256="1" * 64, status="candidate", round_id=round_id)
        )
    told = [post(ward, "/v1/checkpoints/cp-new/promote").json()["error"]["message"]]
    move(round_id, RoundStatus.HELD, "hold")
    told.append(post(ward, "/v1/checkpoints/cp-new/promote").json()["error"]["message"])
    assert f"sign off its round ({round_id})" in told[0]
    assert "its round, which has ended; start a new round" in told[1]


def retire_one(ward: Ward) -> None:
    with unit_of_work() as session:
        session.add(Checkpoint(id="cp-old", parent_id=ward.checkpoint_id, base_model="starter", uri="x", sha256="1" * 64, status=CheckpointStatus.RETIRED))


def test_a_roll_back_that_no_worker_can_be_told_of_is_refused_and_on_record_as_not_done(ward: Ward) -> None:
    retire_one(ward)
    answer = post(ward, "/v1/checkpoints/cp-old/promote")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Redis" in answer.json()["error"]["message"]
    assert actions() == ["checkpoint.promote", "checkpoint.not_promoted"]


def test_others_can_write_while_the_workers_are_told_of_a_roll_back(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    retire_one(ward)

    def send(name: str, argument: str) -> None:
        with unit_of_work() as session:
            audit.record(session, "another", "meanwhile", argument)

    monkeypatch.setattr(jobs, "send_or_fail", send)
    assert post(ward, "/v1/checkpoints/cp-old/promote").status_code == 202
    assert actions() == ["checkpoint.promote", "meanwhile"]


def test_exams_are_listed_with_their_checkpoints_for_admins_alone(ward: Ward) -> None:
    scores = {"domain": {"mean": 0.8, "low": 0.75, "high": 0.85, "items": 200}}
    with unit_of_work() as session:
        store.add_exam(session, Exam(checkpoint_id=ward.checkpoint_id, suite="starter", suite_hash="a" * 64, scores=scores, uri="x", seconds=1.0))
    (row,) = ward.client.get("/v1/checkpoints/exams", headers=ward.bearer("ada")).json()["data"]
    assert (row["checkpoint_id"], row["status"], row["scores"]) == (ward.checkpoint_id, "production", scores)
    assert ward.client.get("/v1/checkpoints/exams").status_code == 401


def test_what_is_in_production_is_not_promoted_again(ward: Ward, sent_jobs: Jobs) -> None:
    assert post(ward, f"/v1/checkpoints/{ward.checkpoint_id}/promote").status_code == 409
    assert ward.client.get("/v1/checkpoints", headers=ward.bearer("ada")).json()["data"][0]["status"] == "production"


def test_a_recipe_that_vllm_could_not_serve_is_refused(ward: Ward, sent_jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORA_RANK", "1")
    settings.cache_clear()
    assert "lora_rank" in post(ward, "/v1/rounds", recipe="test").json()["error"]["message"]
    with reading() as session:
        assert session.query(Round).count() == 0


def test_a_canary_that_settles_before_its_replies_end_is_refused(ward: Ward, sent_jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    canary = "[canary]\nshare = 0.1\nmin_turns = 100\nmin_hours = 1\nmax_hours = 9\nslow_seconds = 20\nsettle_minutes = 5\n"
    policy = tmp_path / "policy.toml"
    policy.write_text(f"{settings().gate_policy.read_text()}\n{canary}")
    monkeypatch.setenv("GATE_POLICY", str(policy))
    monkeypatch.setenv("REQUEST_TIMEOUT_SECONDS", "300")
    settings.cache_clear()
    assert "settle_minutes must be longer" in post(ward, "/v1/rounds", recipe="test").json()["error"]["message"]
    monkeypatch.setenv("REQUEST_TIMEOUT_SECONDS", "299")
    settings.cache_clear()
    assert post(ward, "/v1/rounds", recipe="test").status_code == 201


def test_the_plots_of_a_round_are_one_picture_for_admins(ward: Ward, sent_jobs: Jobs) -> None:
    round_id = started(ward)
    path = f"/v1/rounds/{round_id}/plots.png"
    none_yet = ward.client.get(path, headers=ward.bearer("ada"))
    assert (none_yet.status_code, "no training step yet" in none_yet.text) == (404, True)
    with unit_of_work() as session:
        store.add_metric(session, round_id, 1, {"rewards": {"safety": 0.5}})
    answer = ward.client.get(path, headers=ward.bearer("ada"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    assert ward.client.get(path, headers=ward.bearer("ana")).status_code == 403
    assert ward.client.get("/v1/rounds/round-none/plots.png", headers=ward.bearer("ada")).status_code == 404
