"""Real vLLM: started by our launcher, given adapters while it runs, killed, and started again."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from fastapi.testclient import TestClient

from app.server import create_app
from core import jobs, store
from core.artifacts import new_artifact, verify_artifact
from core.db import reading, unit_of_work
from core.errors import ArtifactError
from core.fingerprint import FILE
from core.llm import complete
from core.replicas import connect
from core.settings import ROOT, settings
from core.states import CheckpointStatus, Role, RoundStatus, Scope
from core.tables import Checkpoint, Conversation, Turn
from core.types import Message
from evals.decision import CanaryPolicy
from evals.policy import load_policy
from tests.workers.house import free_port, until
from workers import rounds
from workers.serving import adapters, promotion
from workers.serving.__main__ import prepare
from workers.serving.leftovers import end_leftovers
from workers.serving.promotion import promote

pytestmark = pytest.mark.flow

READY_SECONDS = 300.0

Launch = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    command = [sys.executable, "-m", "tests.workers.serving.random_model", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    shutil.copytree(folder / "b", folder / "mixed-up")
    shutil.copy(folder / "a" / FILE, folder / "mixed-up" / FILE)
    return folder


@pytest.fixture
def base(house: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BASE_MODEL", str(model / "base"))
    settings.cache_clear()
    yield
    for name in settings().vllm_replicas:
        end_leftovers(house, name)


def retired(name: str, model: Path) -> Checkpoint:
    folder = settings().data_dir / "checkpoints" / name
    with new_artifact(folder) as draft:
        shutil.copytree(model / name, draft, dirs_exist_ok=True)
    with unit_of_work() as session:
        parent = store.production(session)
        row = Checkpoint(
            id=name, parent_id=parent.id, base_model=parent.base_model, uri=str(folder), sha256=verify_artifact(folder), status=CheckpointStatus.RETIRED
        )
        return store.add_candidate(session, row)


def on_trial(name: str, model: Path) -> str:
    """The checkpoint as the candidate of a round that a person has signed off, under a policy that asks for a canary. Returns the round."""
    checkpoint = retired(name, model)
    canary = CanaryPolicy(share=0.5, min_turns=1000, min_hours=1.0, max_hours=10.0, slow_seconds=600.0)
    policy = {**load_policy(settings().gate_policy).model_dump(mode="json"), "canary": canary.model_dump(mode="json")}
    with unit_of_work() as session:
        row = store.add_round(session, {}, policy, "ada")
        session.get_one(Checkpoint, checkpoint.id).status, session.get_one(Checkpoint, checkpoint.id).round_id = CheckpointStatus.CANDIDATE, row.id
        passed = {"candidate_id": checkpoint.id, "decision": {"outcome": "promote"}, "signed_off_by": "ada"}
        store.set_round_status(session, row, RoundStatus.AWAITING_SIGNOFF, **passed)
        return row.id


def engines() -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        if " ".join(process.info["cmdline"] or ()).startswith("VLLM::"):
            found.append(process.info["pid"])
    return found


@pytest.fixture
def launch(base: None, start: Callable[..., "subprocess.Popen[bytes]"]) -> Callable[..., "subprocess.Popen[bytes]"]:
    def begin(name: str = "vllm") -> "subprocess.Popen[bytes]":
        # A group of its own, as the supervisor gives it.
        process = start("setsid", sys.executable, "-m", "workers.serving", name)
        [replica] = [r for r in adapters.replicas() if r.name == name]
        until(replica.is_healthy, READY_SECONDS, name)
        return process

    return begin


def test_vllm_serves_production_again_after_it_was_killed(launch: Launch, model: Path) -> None:
    others = set(engines())
    first = launch()
    with reading() as session:
        base_id = store.production(session).id
    assert adapters.served() == {base_id}, "the launcher registered the base model and serves it under its id"
    with reading() as session:
        adapters.bring_up(store.production(session))

    a, b = retired("a", model), retired("b", model)
    adapters.load(a)
    adapters.load(a)
    adapters.load(b)
    adapters.unload("b")
    adapters.unload("b")
    assert adapters.served() == {base_id, "a"}
    with pytest.raises(ArtifactError, match="does not compute what was trained"):
        promote(retired("mixed-up", model).id, "an admin")
    assert adapters.served() == {base_id, "a"}, "weights that load, but are not those of the fingerprint"
    promote("a", "an admin")

    [engine] = set(engines()) - others
    first.kill()
    first.wait()
    assert psutil.pid_exists(engine), "vLLM leaves its engine behind; when it no longer does, leftovers.py can go"
    second = launch()
    assert set(engines()) - others != {engine}
    assert len(set(engines()) - others) == 1, "the engine of the killed one is gone"
    assert adapters.served() >= {base_id, "a", "b"}, "production and what can be rolled back to, without anybody loading anything"
    adapters.bring_up(a)
    second.terminate()
    second.wait(40)
    assert set(engines()) <= others, "asked to end, it takes its engine along"


def test_two_replicas_hold_the_same_and_one_may_die(launch: Launch, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_URL", f"{settings().vllm_url},http://127.0.0.1:{free_port()}/v1")
    settings.cache_clear()
    first, second = launch("vllm"), launch("vllm-2")
    promote(retired("a", model).id, "an admin")
    assert all("a" in replica.served() for replica in adapters.replicas())
    assert len(ask("a", 8)) == 1, "float32 or not, one at a time: both say the same"
    first.kill()
    first.wait()
    assert len(ask("a", 4)) == 1
    launch("vllm")
    assert all("a" in replica.served() for replica in adapters.replicas())
    second.terminate()
    second.wait(40)
    assert len(ask("a", 2)) == 1


def ask(checkpoint_id: str, times: int) -> set[str]:
    """What is said to one question, asked again and again of whichever replica is in turn."""

    async def asked() -> set[str]:
        chat = connect(settings().vllm_replicas, timeout_seconds=60)
        messages = [Message(role="user", content="What treats hypertension?")]
        try:
            return {(await complete(chat, checkpoint_id, messages, {"temperature": 0, "max_tokens": 8}))[0] for _ in range(times)}
        finally:
            await chat.close()

    return asyncio.run(asked())


def test_a_damaged_checkpoint_does_not_keep_vllm_from_starting(base: None, model: Path) -> None:
    prepare()
    row = retired("a", model)
    (Path(row.uri) / "adapter_config.json").write_text("damaged")
    assert "--lora-modules" not in prepare().argv


def test_a_missing_model_is_one_line_and_exit_code_2(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_MODEL", str(house / "nowhere"))
    result = subprocess.run([sys.executable, "-m", "workers.serving"], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2
    assert result.stderr.startswith("vLLM cannot start: There is no model in")
    assert len(result.stderr.splitlines()) == 1


def test_a_canary_is_answered_by_two_sets_of_weights_until_its_harm_ends_it(
    base: None, model: Path, start: Callable[..., "subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.send", lambda *_: None)
    monkeypatch.setenv("REQUESTS_PER_MINUTE", "0")
    settings.cache_clear()
    start("setsid", sys.executable, "-m", "workers.serving")
    until(adapters.is_healthy, READY_SECONDS, "vLLM")
    round_id = on_trial("a", model)
    rounds.work(jobs.ROUND_STEP, round_id)
    with unit_of_work() as session:
        parent_id = store.production(session).id
        user = store.add_user(session, "ana", Role.CLINICIAN, "hash", must_change_password=False)
        key = store.add_api_key(session, user, "test", [Scope.CHAT])
    assert adapters.served() >= {parent_id, "a"}

    with TestClient(create_app(pages=False), headers={"Authorization": f"Bearer {key}"}) as client:

        def ask(conversation_id: str | None = None) -> tuple[str, str]:
            body = {"model": "balancedbio", "messages": [{"role": "user", "content": "What treats gout?"}], "max_tokens": 8}
            answer = client.post("/v1/chat/completions", json=body | ({"conversation_id": conversation_id} if conversation_id else {}))
            assert answer.status_code == 200, answer.text
            return answer.json()["balancedbio"]["conversation_id"], answer.json()["balancedbio"]["checkpoint_id"]

        answered = dict(ask() for _ in range(40))
        assert set(answered.values()) == {parent_id, "a"}
        assert all(ask(conversation_id) == (conversation_id, by) for conversation_id, by in list(answered.items())[:6])

        adapters.unload("a")
        assert {ask(c)[1] for c, by in answered.items() if by == "a"} == {parent_id}, "production answers where vLLM has lost the candidate"
        promotion.keep_served()
        assert {ask(c)[1] for c, by in answered.items() if by == "a"} == {"a"}

        critical = {"rule": "contraindication", "severity": "critical", "quote": "", "evidence": None}
        with unit_of_work() as session:
            for said in (*session.query(Conversation), *session.query(Turn)):
                said.created_at -= timedelta(minutes=36)
            for turn in session.query(Turn).filter(Turn.checkpoint_id == "a"):
                turn.findings = [critical]
        rounds.work(jobs.ROUND_STEP, round_id)
        with reading() as session:
            row = store.get_round(session, round_id)
        assert row.status == RoundStatus.HELD
        assert (row.error or "").startswith("The canary was stopped for harm: unsafe: 100.0%")
        assert {ask(c)[1] for c in answered} == {parent_id}
        assert "a" not in adapters.served()
