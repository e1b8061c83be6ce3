"""The alias during a canary: who answers whom, in gateways that share nothing but the database. vLLM is the stand-in, the replies are scripted."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.server import create_app
from core import store
from core.db import reading, unit_of_work
from core.llm import ScriptedChat
from core.settings import settings
from core.states import CheckpointStatus, RoundStatus
from core.tables import Checkpoint, Conversation, Round, utc_now
from evals.canary import UNWATCHED_SECONDS, on_candidate, open_state
from evals.decision import CanaryPolicy
from tests.app.gateway.ward import Ward
from tests.workers.house import accepts, free_port, until

SHARE = 0.5
POLICY = CanaryPolicy(share=SHARE, min_turns=20, min_hours=2.0, max_hours=10.0, slow_seconds=10.0)


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Starts the stand-in with these names and gives its process."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*names: str) -> "subprocess.Popen[bytes]":
        port = free_port()
        standin = Path(__file__).parents[2] / "workers" / "standin_vllm.py"
        running.append(subprocess.Popen([sys.executable, str(standin), str(port), "base", "0", *(f"{n}=x" for n in names)], stdout=subprocess.DEVNULL))
        monkeypatch.setenv("VLLM_URL", f"http://127.0.0.1:{port}/v1")
        settings.cache_clear()
        until(lambda: accepts(port), what="the stand-in for vLLM")
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def begin_canary(parent_id: str) -> str:
    """A round whose candidate `cp-new` is on trial."""
    with unit_of_work() as session:
        candidate = Checkpoint(id="cp-new", parent_id=parent_id, base_model="starter", uri="x", sha256="1" * 64, status=CheckpointStatus.CANDIDATE)
        store.add_candidate(session, candidate)
        row = store.add_round(session, {}, {}, "ada")
        state = open_state(POLICY, utc_now()).model_dump(mode="json")
        store.set_round_status(session, row, RoundStatus.CANARY, candidate_id="cp-new", canary=state)
        return row.id


def change(round_id: str, **changes: Any) -> None:
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        for name, value in changes.items():
            setattr(row, name, value)


def talk(ward: Ward, conversation_id: str | None = None, **body: Any) -> tuple[str, str]:
    """(conversation, checkpoint that answered) of one turn."""
    extension: Any = ward.ask("What treats gout?", **({"conversation_id": conversation_id} if conversation_id else {}), **body)["balancedbio"]
    return extension["conversation_id"], extension["checkpoint_id"]


def both_sides(ward: Ward) -> dict[str, str]:
    """New conversations until either side has some: conversation -> who answered."""
    found: dict[str, str] = {}
    while len(set(found.values())) < 2:
        assert len(found) < 60, "sixty coins fell on one side"
        found.update([talk(ward)])
    return found


@pytest.fixture
def round_id(ward: Ward, vllm: Callable[..., Any]) -> str:
    vllm("cp-new")
    return begin_canary(ward.checkpoint_id)


def test_a_conversation_is_answered_by_the_side_of_its_coin_for_as_long_as_it_lasts(ward: Ward, round_id: str) -> None:
    for conversation_id, answered in both_sides(ward).items():
        expected = "cp-new" if on_candidate(round_id, conversation_id, SHARE) else ward.checkpoint_id
        assert [answered, *(talk(ward, conversation_id)[1] for _ in range(3))] == [expected] * 4


def test_the_reply_says_who_answered_and_the_turn_and_conversation_are_stored_so(ward: Ward, round_id: str) -> None:
    answer = ward.client.post(
        "/v1/chat/completions", headers=ward.bearer("ana"), json={"model": "balancedbio", "messages": [{"role": "user", "content": "Gout?"}]}
    )
    with reading() as session:
        (turn,) = store.canary_turns(session, round_id)
        conversation = session.get_one(Conversation, turn.conversation_id)
    assert turn.checkpoint_id == answer.headers["X-Checkpoint-Id"] == answer.json()["model"]
    assert conversation.canary_round_id == round_id
    assert conversation.created_at <= turn.at, "a conversation begins with its first question, not with the reply"


def test_two_gateways_agree(ward: Ward, round_id: str) -> None:
    with TestClient(create_app(ScriptedChat(lambda _: "Rest."), pages=False)) as client:
        other = Ward(client, ward.keys, ward.checkpoint_id)
        for conversation_id, answered in both_sides(ward).items():
            assert talk(other, conversation_id) == (conversation_id, answered)


def test_a_conversation_from_before_stays_in_production(ward: Ward, vllm: Callable[..., Any]) -> None:
    vllm("cp-new")
    earlier = [talk(ward)[0] for _ in range(8)]
    round_id = begin_canary(ward.checkpoint_id)
    assert any(on_candidate(round_id, c, SHARE) for c in earlier)
    assert {talk(ward, c)[1] for c in earlier} == {ward.checkpoint_id}
    with reading() as session:
        assert store.canary_turns(session, round_id) == []


def test_a_clinician_meets_the_candidate_through_the_alias_only(ward: Ward, round_id: str) -> None:
    body = {"model": "cp-new", "messages": [{"role": "user", "content": "hi"}]}
    assert ward.client.post("/v1/chat/completions", headers=ward.bearer("ana"), json=body).status_code == 403
    assert "cp-new" not in [m["id"] for m in ward.client.get("/v1/models", headers=ward.bearer("ana")).json()["data"]]
    assert "cp-new" in both_sides(ward).values()


def test_a_checkpoint_that_is_asked_by_name_is_what_it_says(ward: Ward, round_id: str) -> None:
    assert {talk(ward, model=ward.checkpoint_id)[1] for _ in range(8)} == {ward.checkpoint_id}
    with reading() as session:
        assert store.canary_turns(session, round_id) == []


ENDINGS: dict[str, Callable[[str], None]] = {
    "stopped": lambda r: change(r, status=RoundStatus.HELD, finished_at=utc_now()),
    "being cancelled": lambda r: change(r, cancel_requested=True),
    "unwatched": lambda r: change(r, canary=open_state(POLICY, utc_now() - timedelta(seconds=UNWATCHED_SECONDS + 1.0)).model_dump(mode="json")),
    "without a state": lambda r: change(r, canary=None),
    "of another version": lambda r: change(r, canary={"pace": 3}),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_candidate_takes_no_new_turn_once_its_canary_has_ended_or_nobody_watches_it(ward: Ward, round_id: str, ending: Callable[[str], None]) -> None:
    conversations = both_sides(ward)
    ending(round_id)
    assert {talk(ward, c)[1] for c in conversations} == {ward.checkpoint_id}
    assert {talk(ward)[1] for _ in range(8)} == {ward.checkpoint_id}


def test_nor_when_something_else_came_into_production(ward: Ward, round_id: str) -> None:
    conversations = both_sides(ward)
    with unit_of_work() as session:
        other = Checkpoint(id="cp-other", parent_id=ward.checkpoint_id, base_model="starter", uri="y", sha256="2" * 64, status=CheckpointStatus.RETIRED)
        store.add_candidate(session, other)
        store.set_production(session, other.id)
    assert {talk(ward, c)[1] for c in conversations} == {"cp-other"}


def test_all_are_the_candidates_once_it_is_promoted(ward: Ward, round_id: str) -> None:
    conversations = both_sides(ward)
    with unit_of_work() as session:
        store.set_production(session, "cp-new")
        store.set_round_status(session, store.get_round(session, round_id), RoundStatus.PROMOTED)
    assert {talk(ward, c)[1] for c in conversations} == {"cp-new"}


@pytest.mark.parametrize("missing", ["candidate", "vLLM"])
def test_production_answers_where_vllm_does_not_serve_the_candidate_and_the_conversation_stays_in_the_canary(
    ward: Ward, round_id: str, vllm: Callable[..., Any], missing: str
) -> None:
    """Who answers is known before the turn begins, so that reply, headers and row tell the truth."""
    conversations = both_sides(ward)
    restarted = vllm()  # knows no adapter
    if missing == "vLLM":
        restarted.kill()
        restarted.wait()
    assert {talk(ward, c)[1] for c in conversations} == {ward.checkpoint_id}
    with reading() as session:
        assert len(store.canary_turns(session, round_id)) == 2 * len(conversations)


def test_without_a_canary_the_alias_is_production_and_vllm_is_not_asked_beforehand(ward: Ward) -> None:
    assert talk(ward)[1] == ward.checkpoint_id  # VLLM_URL is an address where nobody answers
    with reading() as session:
        assert session.query(Conversation).one().canary_round_id is None
        assert session.query(Round).count() == 0
