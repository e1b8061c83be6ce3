"""Traces: where the time of one request went, from the page through the gateway to vLLM, or from an admin's click through a round's stages.

Nothing is recorded unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Without it only OpenTelemetry's interface is at work: a span is empty, and
a W3C `traceparent` that a client brings is passed on and logged all the same.

A span holds names, ids, counts and durations, never what a person or a model wrote. Of an error it holds the type alone, because a
message may quote.
"""

import atexit
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from core.settings import settings

_EXPORT_SECONDS = 5
_FAREWELL_SECONDS = 2.0

_tracer = trace.get_tracer("balancedbio")
# W3C's own two headers and no baggage: what a client writes there would travel on to wherever we call.
_w3c = TraceContextTextMapPropagator()

Facts = Mapping[str, AttributeValue]
"""Ids, counts, names of rules and routes."""


@contextmanager
def span(name: str, facts: Facts | None = None, parent: Mapping[str, str] | None = None) -> Iterator[Span]:
    """The block, or as a decorator the plain function, as a part of the current trace.

    `parent`: the headers of the request or message that is answered here; the trace goes on from there, or begins.
    """
    context, kind = (None, SpanKind.INTERNAL) if parent is None else (_w3c.extract(parent), SpanKind.SERVER)
    with _tracer.start_as_current_span(name, context, kind, facts, record_exception=False, set_status_on_exception=False) as current, _errors_of(current):
        yield current


@contextmanager
def outgoing(name: str, facts: Facts | None = None) -> Iterator[dict[str, str]]:
    """A call to another process as a part of the current trace; yields the headers that take the trace there.

    It does not become the current span, so it may stay open while an async generator yields: such a generator may be closed in another
    context than the one it was opened in.
    """
    call = _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=facts)
    try:
        with _errors_of(call):
            yield trace_headers(call)
    finally:
        call.end()


@contextmanager
def _errors_of(current: Span) -> Iterator[None]:
    """Being cancelled or closed early is no error: the client went away, or the guard had heard enough."""
    try:
        yield
    except Exception as error:  # of any kind: it is named in the span and goes on
        current.set_status(StatusCode.ERROR, type(error).__name__)
        raise


@contextmanager
def unrecorded() -> Iterator[None]:
    """Nothing in the block becomes a span, here or where it calls: an exam's thousands of questions would bury the round that they belong to."""
    current = trace.get_current_span().get_span_context()
    # Without the flag that says "sampled".
    with trace.use_span(NonRecordingSpan(SpanContext(current.trace_id, current.span_id, is_remote=False))):
        yield


def note(facts: Facts) -> None:
    """Adds to the current span what is known only now."""
    trace.get_current_span().set_attributes(facts)


def trace_headers(of: Span | None = None) -> dict[str, str]:
    """The headers that name the given span, or the current one, as the parent of what answers them; none outside a trace."""
    headers: dict[str, str] = {}
    _w3c.inject(headers, trace.set_span_in_context(of) if of else None)
    return headers


def start_tracing(service: str) -> None:
    """Exports this process's spans under the name `service`, in the background, when an endpoint is set.

    A collector that is slow or away costs spans, never a request, and a stopping process a few seconds.
    """
    endpoint = settings().otel_exporter_otlp_endpoint
    if not endpoint:
        return
    # Only who asked for traces waits for these imports.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Each failed try is a warning, each lost batch an error: the second is enough.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    exporter = OTLPSpanExporter(endpoint=traces_url(endpoint), timeout=_EXPORT_SECONDS)
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    @atexit.register
    def send_the_rest() -> None:
        # The exporter by itself would try again for half a minute.
        patience = threading.Timer(_FAREWELL_SECONDS, exporter.shutdown)
        patience.daemon = True
        patience.start()
        provider.shutdown()
        patience.cancel()


def traces_url(endpoint: str) -> str:
    """Where spans go: the standard's path under the endpoint for all signals."""
    return f"{endpoint.rstrip('/')}/v1/traces"
