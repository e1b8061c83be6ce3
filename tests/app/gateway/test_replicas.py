"""Two gateway processes on one database, before two vLLMs: a flip reaches both with their next request, and a dead vLLM costs nobody an answer."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from core import store
from core.db import unit_of_work
from core.settings import ROOT, settings
from core.states import CheckpointStatus
from core.tables import Checkpoint
from tests.app.gateway.ward import furnish
from tests.workers.house import accepts, free_port, until

_VLLM = ROOT / "tests" / "workers" / "standin_vllm.py"
_GATEWAY = "import sys, uvicorn; from app.server import create_app; uvicorn.run(create_app(pages=False), port=int(sys.argv[1]), log_config=None)"


class Process(NamedTuple):
    port: int
    running: "subprocess.Popen[bytes]"

    def get(self, path: str) -> dict[str, Any]:
        return dict(httpx.get(f"http://127.0.0.1:{self.port}{path}").json())

    def die(self) -> None:
        self.running.kill()
        self.running.wait()


class Site(NamedTuple):
    gateways: tuple[Process, Process]
    vllms: tuple[Process, Process]
    base: str
    key: str

    def checkpoint_that_answers(self, gateway: Process) -> str:
        body = {"model": "balancedbio", "messages": [{"role": "user", "content": "What treats gout?"}]}
        answer = httpx.post(f"http://127.0.0.1:{gateway.port}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.headers["X-Checkpoint-Id"]


def _started(*arguments: str) -> Process:
    port = free_port()
    command = [sys.executable, *(a.replace("PORT", str(port)) for a in arguments)]
    return Process(port, subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def flip(checkpoint_id: str) -> None:
    with unit_of_work() as session:
        store.set_production(session, checkpoint_id)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    base, keys = furnish()
    with unit_of_work() as session:
        session.add(Checkpoint(id="cp-1", parent_id=base, base_model="starter", uri="/cp-1", sha256="1", status=CheckpointStatus.RETIRED))
    vllms = (_started(str(_VLLM), "PORT", base, "0", "cp-1=/cp-1"), _started(str(_VLLM), "PORT", base, "0"))
    monkeypatch.setenv("VLLM_URL", ",".join(f"http://127.0.0.1:{v.port}/v1" for v in vllms))
    settings.cache_clear()
    gateways = (_started("-c", _GATEWAY, "PORT"), _started("-c", _GATEWAY, "PORT"))
    everything = (*vllms, *gateways)
    try:
        for process in everything:
            until(lambda port=process.port: accepts(port), 120, "a process of the site")
        yield Site(gateways, vllms, base, keys["ana"])
    finally:
        for process in everything:
            process.die()


def test_a_flip_is_seen_by_every_gateway_with_its_next_request(site: Site) -> None:
    for _ in range(3):
        for checkpoint_id in (site.base, "cp-1"):
            flip(checkpoint_id)
            assert [site.checkpoint_that_answers(g) for g in site.gateways] == [checkpoint_id] * 2


def test_a_vllm_that_lacks_production_or_is_dead_costs_no_answer_and_is_named(site: Site) -> None:
    first, second = site.vllms
    gateway = site.gateways[0]
    assert gateway.get("/readyz")["replicas"] == {"vllm": "ok", "vllm-2": "ok"}
    flip("cp-1")
    assert {site.checkpoint_that_answers(gateway) for _ in range(4)} == {"cp-1"}
    ready = gateway.get("/readyz")
    assert ready["replicas"] == {"vllm": "ok", "vllm-2": "vLLM has not loaded cp-1"}
    assert ready["checks"]["vllm"] == "ok", "one is enough"

    flip(site.base)
    first.die()
    assert {site.checkpoint_that_answers(gateway) for _ in range(4)} == {site.base}
    assert "does not answer" in gateway.get("/readyz")["replicas"]["vllm"]
    second.die()
    ready = gateway.get("/readyz")
    assert ready["ready"] is False
    assert "does not answer" in ready["checks"]["vllm"]
