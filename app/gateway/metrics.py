"""What Prometheus may scrape at /metrics: what this process has counted, and the state of the house as `app.gateway.gauges` reads it.

Labels come from closed sets (routes, rules, checkpoints), never from what a user wrote.
"""

from collections.abc import Sequence

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from starlette.responses import PlainTextResponse, Response

from app.gateway import gauges
from core.tables import Turn
from core.types import SafetyFinding

requests = Counter("balancedbio_requests_total", "HTTP requests", ["method", "route", "status"])
seconds_to_first_text = Histogram(
    "balancedbio_time_to_first_token_seconds",
    "From asking the model to the first checked text of its reply",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)
turn_seconds = Histogram(
    "balancedbio_turn_seconds", "From asking the model to the end of the reply, however it ended", buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
)
tokens_per_second = Histogram(
    "balancedbio_tokens_per_second", "Completion tokens of a finished reply by the seconds of its turn", buckets=(1, 2, 5, 10, 20, 40, 80, 160, 320, 640)
)
turns_in_flight = Gauge("balancedbio_turns_in_flight", "Turns being answered now")
turns = Counter("balancedbio_turns_total", "Turns by how they ended; `withheld` by the guard", ["checkpoint", "finish_reason"])
tokens = Counter("balancedbio_tokens_total", "Tokens as counted by the model server", ["kind"])
findings = Counter("balancedbio_findings_total", "Safety findings on questions and replies", ["rule", "severity"])
feedback = Counter("balancedbio_feedback_total", "Judgements by kind", ["kind"])

# What begins at 0 grows with its first event; a series that begins with it has, for Prometheus, not grown.
_ENDINGS = ("stop", "length", "tool_calls", "withheld", "cancelled", "error")
for _kind in ("up", "down", "correction", "comment", "unsafe"):
    feedback.labels(_kind)

router = APIRouter()


def count_turn(turn: Turn, found: Sequence[SafetyFinding]) -> None:
    seconds, written = turn.latency_ms / 1000, turn.usage["completion_tokens"]
    for ending in _ENDINGS:
        turns.labels(turn.checkpoint_id, ending)
    turns.labels(turn.checkpoint_id, turn.finish_reason).inc()
    turn_seconds.observe(seconds)
    tokens.labels("prompt").inc(turn.usage["prompt_tokens"])
    tokens.labels("completion").inc(written)
    if written and turn.finish_reason not in ("withheld", "cancelled", "error"):
        tokens_per_second.observe(written / seconds)
    for finding in found:
        findings.labels(finding.rule, finding.severity).inc()


@router.get("/metrics", response_class=PlainTextResponse)
async def scrape() -> Response:
    """Answers soon, whatever else is away."""
    return Response(generate_latest() + generate_latest(await gauges.read()), media_type=CONTENT_TYPE_LATEST)
