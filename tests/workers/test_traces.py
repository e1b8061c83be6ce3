"""A round is one trace, from the request that began it through every stage; the workers' log says which request that was."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from core import jobs
from core.logging import correlation_id
from core.states import RoundStatus
from core.tables import Round
from core.tracing import span
from tests.otlp_collector import Collector, Span, collecting
from tests.workers.house import in_status, until

pytestmark = pytest.mark.flow  # processes start: a minute, not seconds

TRACE = "0af7651916cd43dd8448eb211c80319c"
REQUEST = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("LOG_LEVEL", "INFO")
        yield collector


def test_a_rounds_stages_are_one_trace_with_the_request(
    house: Path, a_round: Round, collector: Collector, vllm: Callable[..., "Popen[bytes]"], worker: Callable[[str], "Popen[bytes]"]
) -> None:
    vllm()
    workers = [worker("train"), worker("short")]
    asked = correlation_id.set("request-of-an-admin")
    with span("request", parent=REQUEST):
        jobs.send(jobs.ROUND_TRAIN, a_round.id)
    correlation_id.reset(asked)
    until(in_status(a_round.id, RoundStatus.AWAITING_SIGNOFF), 60)
    for process in workers:
        process.terminate()
        process.wait(30)

    spans = collector.spans
    assert {s.trace_id for s in spans} == {TRACE}
    assert {s.service for s in spans} == {"balancedbio-worker"}
    build = _below("b7ad6b7169203331", jobs.ROUND_TRAIN, spans)
    train = _below(build.span_id, jobs.ROUND_TRAIN, spans)
    evaluate = _below(train.span_id, jobs.ROUND_STEP, spans)
    assert build.facts == train.facts == evaluate.facts == {"job.about": a_round.id}
    exams = [s for s in spans if s.name == "exam"]
    assert {s.parent_id for s in exams} == {evaluate.span_id}
    assert len({s.facts["checkpoint.id"] for s in exams}) == len(exams) == 2, "the parent and the candidate"
    assert len(spans) == 5, "the exam's questions are not among them"

    taken = [event for event in _logged(house) if event["event"] == "job taken"]
    assert {(event["correlation_id"], event["trace_id"]) for event in taken} == {(a_round.id, TRACE)}
    assert next(event["sent_by"] for event in taken if event["job"] == jobs.ROUND_TRAIN) == "request-of-an-admin"
    assert {event["sent_by"] for event in taken if event["job"] == jobs.ROUND_STEP} == {a_round.id}


def _below(parent_id: str, name: str, spans: Sequence[Span]) -> Span:
    """The one stage that was sent by that one."""
    (found,) = (s for s in spans if (s.name, s.parent_id) == (name, parent_id))
    return found


def _logged(house: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted(house.glob("*.out")) for line in path.read_text().splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]
