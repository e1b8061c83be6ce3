"""What the API says of itself holds: no request of any shape meets a 500 or an answer that is not documented."""

from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.app.gateway.ward import Ward

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def test_every_operation_answers_as_documented_whatever_it_is_sent(ward: Ward, sent_jobs: list[tuple[str, str]]) -> None:
    api = schemathesis.openapi.from_asgi("/openapi.json", ward.client.app)
    answered = Counter[str]()
    for found in api.get_all_operations():
        operation = found.ok()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            response = case.call(headers=ward.bearer("ada"))
            assert response.status_code != 500, response.text
            case.validate_response(response, checks=CHECKS)
            answered[f"{response.status_code}"] += 1

        send()
    assert {"200", "400", "404"} <= set(answered), answered


def test_every_route_of_the_api_is_described_with_its_body_and_its_errors(ward: Ward) -> None:
    found = ward.client.get("/openapi.json").json()
    assert {"/v1/chat/completions", "/v1/feedback", "/v1/rounds", "/healthz", "/readyz"} <= set(found["paths"])
    assert not any(path.startswith(("/login", "/chat", "/admin")) for path in found["paths"])
    for path, operations in found["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/"):
                assert {"400", "401", "403", "404", "413", "429", "503"} <= set(operation["responses"]), path
                assert operation["security"]
            assert "422" not in operation["responses"]
    asked = found["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert "messages" in found["components"]["schemas"][asked.rsplit("/", 1)[1]]["properties"]


def test_every_reference_leads_somewhere(ward: Ward) -> None:
    found = ward.client.get("/openapi.json").json()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [v for k, v in part.items() if k == "$ref"] + [r for v in part.values() for r in references(v)]
        return [r for v in part for r in references(v)] if isinstance(part, list) else []

    assert {r.rsplit("/", 1)[1] for r in references(found)} <= set(found["components"]["schemas"])
