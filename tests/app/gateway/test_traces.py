"""One trace from the page's client through the gateway to the model server, with nothing in it that anybody wrote."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient

from app.server import create_app
from core.settings import ROOT
from tests.app.gateway.ward import furnish
from tests.otlp_collector import Collector, collecting
from tests.scripted_endpoint import Scripted, serving

QUESTION = "Zebediah has a penicillin allergy and community-acquired pneumonia. Which antibiotic?"
REPLY = "Pneumonia needs an antibiotic. Give amoxicillin 500 mg three times daily. Then review."
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def model() -> Iterator[Scripted]:
    with serving(lambda *_: REPLY) as script:
        yield script


class Asked(NamedTuple):
    told: dict[str, Any]
    logged: list[dict[str, Any]]


def asked(model: Scripted, endpoint: str) -> Asked:
    """What the page's client was told, and the log, of a process that asked one question."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"VLLM_URL": model.url, "PORT": str(port), "LOG_LEVEL": "INFO", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.app.gateway.page_and_gateway", QUESTION]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return Asked(json.loads(done.stdout), [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")])


def test_one_trace_from_the_page_to_the_model_server(collector: Collector, model: Scripted) -> None:
    told, logged = asked(model, collector.url)
    page, request, turn = (collector.named(name) for name in ("gateway", "POST /v1/chat/completions", "turn"))
    assert (page.parent_id, request.parent_id, turn.parent_id) == ("", page.span_id, request.span_id)
    assert {collector.named(name).parent_id for name in ("retrieve", "guard")} == {request.span_id}, "the question is read before a turn begins"
    assert {collector.named(name).parent_id for name in ("model", "judge", "store")} == {turn.span_id}
    assert {span.parent_id for span in collector.spans if span.name == "check"} == {turn.span_id}
    assert {span.trace_id for span in collector.spans} == {page.trace_id}
    assert {span.service for span in collector.spans} == {"balancedbio-app"}
    (passed_on,) = model.traces
    assert str(passed_on).split("-")[1:3] == [page.trace_id, collector.named("model").span_id], "vLLM's own spans hang on the call"

    assert turn.facts["turn.id"] == told["turn"]
    assert turn.facts["turn.finish_reason"] == "withheld"
    assert turn.facts["turn.findings"] == ["contraindication"]
    assert request.facts["http.response.status_code"] == 200
    (line,) = (event for event in logged if event["event"] == "request")
    assert line["trace_id"] == page.trace_id
    assert line["correlation_id"] == page.facts["request.id"] == request.facts["request.id"]


def test_no_word_and_no_key_is_exported(collector: Collector, model: Scripted) -> None:
    told, _ = asked(model, collector.url)
    exported = b"".join(collector.bodies)
    assert b"withheld" in exported
    words = re.findall(r"\w{5,}", f"{QUESTION} {REPLY}".lower())
    assert [word for word in words if word.encode() in exported.lower()] == []
    assert told["key"].encode() not in exported


@pytest.mark.parametrize("answers", [True, False])
def test_a_collector_that_is_away_or_says_nothing_costs_no_turn(model: Scripted, answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        port = silent.getsockname()[1] if answers else 1
        assert asked(model, f"http://127.0.0.1:{port}").told["finish_reason"] == "content_filter"


def test_without_an_endpoint_nothing_of_the_exporter_is_even_loaded(collector: Collector, model: Scripted) -> None:
    told, logged = asked(model, "")
    assert told["exports"] is False
    assert not any("trace_id" in event for event in logged)
    assert collector.bodies == []


def test_a_clients_trace_is_passed_on_even_when_none_is_recorded(model: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_URL", model.url)
    _, keys = furnish()
    headers = {"Authorization": f"Bearer {keys['ana']}", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "baggage": "patient=Zebediah"}
    with TestClient(create_app(pages=False)) as client:
        client.post("/v1/chat/completions", headers=headers, json={"model": "balancedbio", "messages": [{"role": "user", "content": QUESTION}]})
    assert model.traces == [f"00-{TRACE}-b7ad6b7169203331-01"]
