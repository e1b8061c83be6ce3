"""Spans: what is in one, what must never be, and where a trace goes on."""

from collections.abc import AsyncGenerator, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from core import tracing
from core.tracing import note, outgoing, span, trace_headers, unrecorded

PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    yield memory
    provider.shutdown()


def the_one(memory: InMemorySpanExporter) -> ReadableSpan:
    (found,) = memory.get_finished_spans()
    return found


def test_an_error_leaves_its_type_and_not_its_message(recorded: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Zebediah"), span("work"):
        raise ValueError("Zebediah has gout")
    assert the_one(recorded).status.status_code is StatusCode.ERROR
    assert the_one(recorded).status.description == "ValueError"
    assert "Zebediah" not in the_one(recorded).to_json()


def test_a_trace_goes_on_from_the_request_that_is_answered_and_into_the_call_that_is_made(recorded: InMemorySpanExporter) -> None:
    with span("answer", parent=PARENT), outgoing("call") as headers:
        note({"count": 3})
    call, answer = recorded.get_finished_spans()
    assert answer.context is not None
    assert call.context is not None
    assert answer.parent is not None
    assert f"{answer.parent.span_id:016x}" == "b7ad6b7169203331"
    assert call.parent == answer.context
    assert headers["traceparent"].split("-")[1:3] == ["0af7651916cd43dd8448eb211c80319c", f"{call.context.span_id:016x}"]
    assert dict(answer.attributes or {}) == {"count": 3}


def test_a_request_without_a_trace_begins_one_whatever_is_current(recorded: InMemorySpanExporter) -> None:
    with span("one"), span("two", parent={}):
        pass
    two, _ = recorded.get_finished_spans()
    assert two.parent is None


async def test_a_generator_that_is_closed_early_ends_its_call_without_an_error(recorded: InMemorySpanExporter) -> None:
    async def stream() -> AsyncGenerator[int, None]:
        with outgoing("call"):
            yield 1
            yield 2

    chunks = stream()
    with span("turn"):
        assert await anext(chunks) == 1
        with span("check"):
            pass
        await chunks.aclose()
    check, call, turn = recorded.get_finished_spans()
    assert call.status.status_code is StatusCode.UNSET
    assert check.parent == call.parent == turn.context, "what happens while a call is open is no part of it"


def test_what_is_unrecorded_is_so_here_and_where_it_calls(recorded: InMemorySpanExporter) -> None:
    with span("round", parent=PARENT), unrecorded(), span("question"), outgoing("call") as headers:
        pass
    assert [found.name for found in recorded.get_finished_spans()] == ["round"]
    _, trace_id, _, flags = headers["traceparent"].split("-")
    assert trace_id == "0af7651916cd43dd8448eb211c80319c", "the log lines still belong to it"
    assert int(flags, 16) & 1 == 0


def test_untraced_a_trace_is_passed_on_all_the_same() -> None:
    with span("answer", parent=PARENT), outgoing("call") as headers:
        assert headers == trace_headers() == PARENT
    assert trace_headers() == {}
