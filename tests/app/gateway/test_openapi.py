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


def test_right_requests_are_answered_as_documented(ward: Ward, sent_jobs: list[tuple[str, str]]) -> None:
    """What is drawn at random seldom gets past 404: here are real turns and rounds."""
    api = schemathesis.openapi.from_asgi("/openapi.json", ward.client.app)

    def sent(method: str, path: str, status: int, body: Any = None, **ids: str) -> Any:
        response = ward.client.request(method, path.format(**ids), json=body, headers=ward.bearer("ada"))
        assert response.status_code == status, response.text
        api[path][method.lower()].validate_response(response)
        return response

    asked = {"model": "balancedbio", "messages": [{"role": "user", "content": "What treats gout?"}], "temperature": 0.0, "max_tokens": 40, "store": False}
    turn = sent("POST", "/v1/chat/completions", 200, asked).json()["balancedbio"]["turn_id"]
    assert sent("POST", "/v1/chat/completions", 200, asked | {"stream": True}).headers["content-type"].startswith("text/event-stream")
    sent("POST", "/v1/completions", 200, {"model": "balancedbio", "prompt": "Gout is", "max_tokens": 4})
    given = sent("POST", "/v1/feedback", 201, {"turn_id": turn, "rating": 1}).json()["id"]
    sent("POST", "/v1/feedback/{feedback_id}/review", 200, {"status": "accepted"}, feedback_id=given)
    round_id = sent("POST", "/v1/rounds", 201, {"recipe": "test"}).json()["id"]
    sent("GET", "/v1/rounds/{round_id}", 200, round_id=round_id)
    sent("GET", "/v1/rounds/{round_id}/plots.png", 404, round_id=round_id)
    sent("POST", "/v1/rounds/{round_id}/signoff", 409, round_id=round_id)
    sent("POST", "/v1/rounds/{round_id}/cancel", 200, round_id=round_id)
    sent("POST", "/v1/checkpoints/{checkpoint_id}/promote", 409, checkpoint_id=ward.checkpoint_id)
    sent("GET", "/v1/models/{name}", 200, name="balancedbio")
    sent("GET", "/v1/models/{name}", 404, name="gpt-9")
    for path in ("/v1/models", "/v1/feedback", "/v1/rounds", "/v1/checkpoints", "/v1/checkpoints/exams", "/v1/me", "/v1/users", "/v1/keys", "/v1/audit"):
        sent("GET", path, 200)


def test_every_route_of_the_api_is_described_with_its_body_and_its_errors(ward: Ward) -> None:
    found = ward.client.get("/openapi.json").json()
    assert {"/v1/chat/completions", "/v1/feedback", "/v1/rounds", "/healthz", "/readyz"} <= set(found["paths"])
    assert not any(path.startswith(("/login", "/chat", "/admin")) for path in found["paths"])
    for path, operations in found["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/"):
                assert {"400", "401", "403", "404", "405", "409", "413", "429", "500", "503"} <= set(operation["responses"]), path
                assert operation["security"]
            assert "422" not in operation["responses"]
    posts = {path: operations["post"] for path, operations in found["paths"].items() if "post" in operations}
    bodies = {path: post["requestBody"]["content"]["application/json"]["schema"]["$ref"] for path, post in posts.items() if "requestBody" in post}
    assert set(bodies) == {"/v1/chat/completions", "/v1/completions", "/v1/feedback", "/v1/feedback/{feedback_id}/review", "/v1/rounds"}
    chat = found["components"]["schemas"][bodies["/v1/chat/completions"].rsplit("/", 1)[1]]
    assert {"messages", "temperature", "response_format", "store"} <= set(chat["properties"])
    assert chat["additionalProperties"] is False


def test_every_reference_leads_somewhere(ward: Ward) -> None:
    found = ward.client.get("/openapi.json").json()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [v for k, v in part.items() if k == "$ref"] + [r for v in part.values() for r in references(v)]
        return [r for v in part for r in references(v)] if isinstance(part, list) else []

    assert {r.rsplit("/", 1)[1] for r in references(found)} <= set(found["components"]["schemas"])
