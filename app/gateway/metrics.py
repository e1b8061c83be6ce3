"""What Prometheus may scrape at /metrics. Labels come from closed sets (routes, rules, checkpoints), never from what a user wrote."""

from collections.abc import Sequence

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.responses import PlainTextResponse, Response

from core.types import SafetyFinding

requests = Counter("balancedbio_requests_total", "HTTP requests", ["method", "route", "status"])
seconds_to_first_text = Histogram(
    "balancedbio_time_to_first_token_seconds", "From the request to the first checked text of the reply", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
)
turns = Counter("balancedbio_turns_total", "Turns by how they ended", ["checkpoint", "finish_reason"])
tokens = Counter("balancedbio_tokens_total", "Tokens as counted by the model server", ["kind"])
findings = Counter("balancedbio_findings_total", "Safety findings on questions and replies", ["rule", "severity"])
feedback = Counter("balancedbio_feedback_total", "Judgements by kind", ["kind"])

router = APIRouter()


def count_findings(found: Sequence[SafetyFinding]) -> None:
    for finding in found:
        findings.labels(finding.rule, finding.severity).inc()


@router.get("/metrics", response_class=PlainTextResponse)
def scrape() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
