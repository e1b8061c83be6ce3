"""Health, metrics and what is around every request."""

from collections.abc import Callable

import pytest

from app.gateway import chat
from app.gateway.house import House
from core.errors import ArtifactError
from core.knowledge import Knowledge
from tests.app.gateway.ward import Ward


def test_alive_without_its_neighbours_but_not_ready(ward: Ward) -> None:
    assert ward.client.get("/healthz").json() == {"status": "ok"}
    answer = ward.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert answer.json()["checks"]["database"] == answer.json()["checks"]["knowledge"] == "ok"
    assert "does not answer" in answer.json()["checks"]["redis"]
    assert "does not answer" in answer.json()["checks"]["vllm"]


def test_not_ready_while_the_knowledge_in_use_cannot_be_read(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: House) -> Knowledge:
        raise ArtifactError("graph.json was changed")

    monkeypatch.setattr(House, "knowledge", damaged)
    assert ward.client.get("/readyz").json()["checks"]["knowledge"].startswith("graph.json was changed; `balancedbio knowledge use builtin`")


def test_metrics_count_turns_and_never_name_what_was_asked_for(ward: Ward) -> None:
    ward.ask("What treats gout?")
    ward.client.get("/secret-looking/path")
    text = ward.client.get("/metrics").text
    assert f'balancedbio_turns_total{{checkpoint="{ward.checkpoint_id}",finish_reason="stop"}}' in text
    assert 'route="/v1/chat/completions"' in text
    assert "secret-looking" not in text


def test_every_answer_carries_a_request_id_that_the_caller_may_bring(ward: Ward) -> None:
    assert ward.client.get("/healthz", headers={"X-Request-Id": "from-the-page-1"}).headers["X-Request-Id"] == "from-the-page-1"
    assert len(ward.client.get("/healthz", headers={"X-Request-Id": "no good\x7f"}).headers["X-Request-Id"]) == 16


def test_a_defect_of_ours_is_a_500_without_its_details(ward: Ward, rows: Callable[[], dict[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(chat, "open_turns", broken)
    answer = ward.client.post(
        "/v1/chat/completions", headers=ward.bearer("ana"), json={"model": "balancedbio", "messages": [{"role": "user", "content": "hi"}]}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret detail" not in answer.text
    assert rows()["turns"] == 0
