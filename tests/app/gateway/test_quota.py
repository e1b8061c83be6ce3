"""Requests and tokens per minute: counted by key or person, by all processes together, refused as OpenAI's clients expect it, free where it is off."""

from collections.abc import Callable, Iterator

import openai
import pytest
from fastapi.testclient import TestClient

from app.gateway import windows
from app.server import create_app
from core import store
from core.db import unit_of_work
from core.llm import ScriptedChat
from core.settings import settings
from core.states import Scope
from tests.app.gateway.ward import PASSWORD, RawVisit, Ward, furnish
from tests.redis_server import RedisServer

CHAT = "/v1/chat/completions"
ASKING = {"model": "balancedbio", "messages": [{"role": "user", "content": "What for gout?"}]}


@pytest.fixture(autouse=True)
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, requests=3, tokens=0)


@pytest.fixture
def other(redis: RedisServer) -> Iterator[TestClient]:
    """A second process of the app, beside the ward's own."""
    with TestClient(create_app(ScriptedChat(lambda _: "Rest."), pages=False), raise_server_exceptions=False) as client:
        yield client


def limit(monkeypatch: pytest.MonkeyPatch, requests: int, tokens: int) -> None:
    monkeypatch.setenv("REQUESTS_PER_MINUTE", str(requests))
    monkeypatch.setenv("TOKENS_PER_MINUTE", str(tokens))
    settings.cache_clear()


def ask(client: TestClient, headers: dict[str, str], **body: object) -> int:
    return client.post(CHAT, headers=headers, json={**ASKING, **body}).status_code


def test_two_processes_count_together(redis: RedisServer, ward: Ward, other: TestClient) -> None:
    ana = ward.bearer("ana")
    assert [ask(client, ana) for client in (ward.client, other, ward.client, other, ward.client)] == [200, 200, 200, 429, 429]
    assert ask(other, ward.bearer("ben")) == 200


def test_two_processes_count_tokens_together_after_the_reply(redis: RedisServer, ward: Ward, other: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, requests=0, tokens=200)
    ana = ward.bearer("ana")
    first = ward.client.post(CHAT, headers=ana, json=ASKING)
    used = first.json()["usage"]["total_tokens"]
    assert 0 < used < 200
    assert first.headers["x-ratelimit-remaining-tokens"] == "200"
    second = other.post(CHAT, headers=ana, json=ASKING)
    assert second.headers["x-ratelimit-remaining-tokens"] == str(200 - used)
    streamed = ward.client.post(CHAT, headers=ana, json={**ASKING, "stream": True})
    assert int(streamed.headers["x-ratelimit-remaining-tokens"]) < 200 - used
    while (answer := other.post(CHAT, headers=ana, json={**ASKING, "stream": True})).status_code == 200:
        assert int(answer.headers["x-ratelimit-remaining-tokens"]) > 0
    assert answer.json()["error"]["message"].startswith("The limit of 200 tokens a minute is reached")
    assert answer.headers["x-ratelimit-remaining-tokens"] == "0"
    assert ask(ward.client, ward.bearer("ben")) == 200


async def test_who_hangs_up_at_the_end_has_used_the_tokens_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenAI's client does at [DONE]."""
    limit(monkeypatch, requests=0, tokens=200)
    _, keys = furnish()
    app = create_app(ScriptedChat(lambda _: "Rest."), pages=False)
    asking = RawVisit(app, keys["ana"], stream=True)
    await asking.ended()
    assert asking.sent.endswith(b"[DONE]\n\n")
    with TestClient(app) as client:
        answer = client.post(CHAT, headers={"Authorization": f"Bearer {keys['ana']}"}, json=ASKING)
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) < 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_what_openais_clients_know(ward: Ward, rows: Callable[[], dict[str, int]], stream: bool) -> None:
    for _ in range(3):
        assert ask(ward.client, ward.bearer("ana"), stream=stream) == 200
    before = rows()
    client = openai.OpenAI(api_key=ward.keys["ana"], base_url="http://testserver/v1", http_client=ward.client, max_retries=0)
    with pytest.raises(openai.RateLimitError) as refusal:
        client.chat.completions.create(**ASKING, stream=stream)  # type: ignore[call-overload]  # its overloads want a literal
    error, headers = refusal.value, refusal.value.response.headers
    assert (error.type, error.code, error.param) == ("rate_limit_error", "rate_limit_exceeded", None)
    wait = int(headers["retry-after"])
    assert 0 < wait <= 61
    assert f"The limit of 3 requests a minute is reached; try again in {wait} seconds" in error.message
    told = {name: value for name, value in headers.items() if name.startswith("x-ratelimit-")}
    assert told == {"x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{wait}s"}
    assert rows() == before, "the model was not asked"


def test_what_is_left_is_told_with_every_answer(ward: Ward) -> None:
    answers = [
        ward.client.post(CHAT, headers=ward.bearer("ana"), json=ASKING),
        ward.client.post(CHAT, headers=ward.bearer("ana"), json={**ASKING, "stream": True}),
        ward.client.post(CHAT, headers=ward.bearer("ana"), json={**ASKING, "n": 99}),
    ]
    assert [(a.status_code, a.headers["x-ratelimit-remaining-requests"]) for a in answers] == [(200, "2"), (200, "1"), (400, "0")]


def test_plain_completions_count_too_and_all_choices_of_a_request(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, plain = ward.bearer("ana"), {"model": "balancedbio", "prompt": "Gout is treated by"}
    answers = [ward.client.post(path, headers=ana, json=body) for path, body in ((CHAT, ASKING), ("/v1/completions", plain), (CHAT, {**ASKING, "n": 3}))]
    assert {a.status_code for a in answers} == {200}
    assert ward.client.post("/v1/completions", headers=ana, json=plain).status_code == 429
    limit(monkeypatch, requests=0, tokens=1_000)
    spent = [ward.client.post(CHAT, headers=ana, json={**ASKING, "n": 3, "stream": stream}) for stream in (False, True)]
    left = ward.client.post("/v1/completions", headers=ana, json=plain).headers["x-ratelimit-remaining-tokens"]
    assert int(left) == 1_000 - 2 * spent[0].json()["usage"]["total_tokens"]


def test_each_key_and_each_person_has_limits_of_their_own(ward: Ward) -> None:
    with unit_of_work() as session:
        second = store.add_api_key(session, store.get_user(session, "ana"), "another", [Scope.CHAT])
    sessions = []
    for _ in range(2):
        ward.client.cookies.clear()
        ward.client.post("/login", data={"name": "ana", "password": PASSWORD}, follow_redirects=False)
        sessions.append({"Authorization": f"Bearer {ward.client.cookies['bb_session']}"})
    ward.client.cookies.clear()
    assert [ask(ward.client, ward.bearer("ana")) for _ in range(4)] == [200, 200, 200, 429]
    assert [ask(ward.client, {"Authorization": f"Bearer {second}"}) for _ in range(4)] == [200, 200, 200, 429]
    assert [ask(ward.client, sessions[n % 2]) for n in range(4)] == [200, 200, 200, 429], "the same person in two browsers"


def test_0_is_no_limit_and_tells_none(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, requests=0, tokens=0)
    answers = [ward.client.post(CHAT, headers=ward.bearer("ana"), json=ASKING) for _ in range(5)]
    assert {a.status_code for a in answers} == {200}
    assert not [name for a in answers for name in a.headers if name.startswith("x-ratelimit")]


def test_only_what_costs_the_model_is_limited(ward: Ward) -> None:
    while ask(ward.client, ward.bearer("ana")) == 200:
        pass
    for path in ("/healthz", "/metrics", "/v1/models", "/v1/me"):
        answer = ward.client.get(path, headers=ward.bearer("ana"))
        assert answer.status_code == 200
        assert "retry-after" not in answer.headers
    assert ward.client.get("/readyz").status_code == 503, "its parts are away here, which is not a limit"


def test_nobody_uses_up_what_is_anothers(ward: Ward) -> None:
    for headers in ({}, {"Authorization": "Bearer bb-nobody"}):
        assert {ask(ward.client, headers) for _ in range(5)} == {401}
    assert ask(ward.client, ward.bearer("ana")) == 200


def test_chat_goes_on_when_redis_dies_and_is_still_limited(redis: RedisServer, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_AWAY_SECONDS", 0.0)
    limit(monkeypatch, requests=3, tokens=1_000)
    ana = ward.bearer("ana")
    assert [ask(ward.client, ana) for _ in range(2)] == [200, 200]
    redis.kill()
    assert [ask(ward.client, ana, stream=True) for _ in range(4)] == [200, 200, 200, 429]
    redis.start()
    assert ask(ward.client, ana) == 200
