"""Real vLLM: started by our launcher, given adapters while it runs, killed, and started again."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core import store
from core.artifacts import new_artifact, verify_artifact
from core.db import reading, unit_of_work
from core.errors import ArtifactError
from core.fingerprint import FILE
from core.llm import complete
from core.replicas import connect
from core.settings import ROOT, settings
from core.states import CheckpointStatus
from core.tables import Checkpoint
from core.types import Message
from tests.workers.house import free_port, until
from workers.serving import adapters
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
