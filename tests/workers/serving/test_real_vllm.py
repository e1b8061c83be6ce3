"""Real vLLM: started by our launcher, given adapters while it runs, killed, and started again."""

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
from core.settings import ROOT, settings
from core.states import CheckpointStatus
from core.tables import Checkpoint
from tests.workers.house import until
from workers.serving import adapters
from workers.serving.__main__ import prepare
from workers.serving.leftovers import end_leftovers
from workers.serving.promotion import promote

pytestmark = pytest.mark.flow

READY_SECONDS = 300.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, str(Path(__file__).with_name("random_model.py")), str(folder)], check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    return folder


@pytest.fixture
def base(house: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BASE_MODEL", str(model / "base"))
    settings.cache_clear()
    yield
    end_leftovers(house, "vllm")


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


def test_vllm_serves_production_again_after_it_was_killed(base: None, model: Path, start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    def launch() -> "subprocess.Popen[bytes]":
        # A group of its own, as the supervisor gives it.
        process = start("setsid", sys.executable, "-m", "workers.serving")
        until(adapters.is_healthy, READY_SECONDS, "vLLM")
        return process

    others = set(engines())
    first = launch()
    with reading() as session:
        base_id = store.production(session).id
    assert adapters.served() == {base_id}, "the launcher registered the base model and serves it under its id"
    adapters.probe(base_id)

    a, b = retired("a", model), retired("b", model)
    adapters.load(a)
    adapters.load(a)
    adapters.load(b)
    adapters.unload("b")
    adapters.unload("b")
    assert adapters.served() == {base_id, "a"}
    with pytest.raises(ArtifactError, match="does not answer"):
        adapters.probe("b")
    promote("a", "an admin")

    [engine] = set(engines()) - others
    first.kill()
    first.wait()
    assert psutil.pid_exists(engine), "vLLM leaves its engine behind; when it no longer does, leftovers.py can go"
    second = launch()
    assert set(engines()) - others != {engine}
    assert len(set(engines()) - others) == 1, "the engine of the killed one is gone"
    assert adapters.served() == {base_id, "a", "b"}, "production and what can be rolled back to, without anybody loading anything"
    adapters.probe("a")
    second.terminate()
    second.wait(40)
    assert set(engines()) <= others, "asked to end, it takes its engine along"


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
