"""Keys, passwords and what passes between us and the organisation's provider are in no log and in no answer, however a request fails."""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import structlog
from fastapi.testclient import TestClient

from app.gateway.sessions import COOKIE
from app.server import create_app
from core import audit
from core.errors import Unavailable
from core.llm import ScriptedChat
from core.settings import settings
from tests.app.gateway.provider import CLIENT_SECRET, OTHER_KEY, Provider, signed
from tests.app.gateway.ward import PASSWORD, furnish

CHAT = "/v1/chat/completions"
ASKING = {"model": "balancedbio", "messages": [{"role": "user", "content": "What for gout?"}]}
TYPED = "what-somebody-typed-wrong"
REDIS_PASSWORD = "the-password-of-redis"


def fails(*_: object, **__: object) -> str:
    raise Unavailable("The model endpoint does not answer")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_no_secret_is_in_a_log_or_an_answer(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("REDIS_URL", f"redis://:{REDIS_PASSWORD}@127.0.0.1:1/0")
    settings.cache_clear()
    _, keys = furnish()
    secrets = {*keys.values(), PASSWORD, TYPED, CLIENT_SECRET, REDIS_PASSWORD, settings().secret_key.get_secret_value()}
    answers: list[httpx.Response] = []

    def signing_in(client: TestClient) -> str:
        """Begins at the provider; the way back. What it carries is secret too."""
        sent = client.get("/login/oidc")
        kept = jwt.decode(client.cookies["bb_sign_in"], options={"verify_signature": False})
        back = urlsplit(httpx.get(sent.headers["location"], trust_env=False).headers["location"])
        secrets.update({client.cookies["bb_sign_in"], kept["code_verifier"], *parse_qs(back.query)["code"]})
        return f"{back.path}?{back.query}"

    with TestClient(create_app(ScriptedChat(fails), pages=False), raise_server_exceptions=False, follow_redirects=False) as client:

        def send(method: str, path: str, key: str = "", **options: Any) -> httpx.Response:
            answers.append(client.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {}, **options))
            return answers[-1]

        for key in keys.values():  # a model that is away, a scope that is missing, a key cut short, a key where no key belongs
            assert send("POST", CHAT, key, json=ASKING).status_code == 503
            send("GET", "/v1/users", key)
            send("GET", "/v1/me", key[:-1])
            secrets.add(key[:-1])
            send("GET", f"/v1/rounds/{key}", key)
            send("POST", CHAT, keys["ana"], json={**ASKING, "model": key})

        for form in ({"name": "ana", "password": TYPED}, {"name": TYPED, "password": "ana"}, {"name": "ana", "password": TYPED, "next": PASSWORD}):
            assert send("POST", "/login", data=form).status_code == 401
        assert client.post("/login", data={"name": "ana", "password": PASSWORD}).status_code == 303
        secrets.add(client.cookies[COOKIE])
        assert send("POST", "/password", data={"old": TYPED, "new": PASSWORD, "repeated": PASSWORD}).status_code == 400
        assert send("GET", "/v1/me", client.cookies[COOKIE][:-2]).status_code == 401
        secrets.add(client.cookies[COOKIE][:-2])

        tokens: list[str] = []
        provider.sign = lambda claims: tokens.append(signed(claims, OTHER_KEY)) or tokens[-1]
        assert send("GET", signing_in(client)).status_code == 401
        secrets.update(tokens)
        back = signing_in(client)
        provider.granted.clear()  # it refuses the code, and repeats all that it was sent
        assert send("GET", back).status_code == 401

        monkeypatch.setattr(audit, "record", lambda *_, **__: int(keys["ada"]))  # a defect of ours, with a key in its message
        assert send("GET", "/v1/audit", keys["ada"]).status_code == 500

    with TestClient(create_app(ScriptedChat(fails), pages=False), raise_server_exceptions=False, follow_redirects=False) as later:
        provider.document["token_endpoint"] = "http://127.0.0.1:1/token"
        answers.append(later.get(signing_in(later)))
    assert answers[-1].status_code == 503

    written = capsys.readouterr().err + "".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    for event in ("Redis does not answer", "login failed", "request failed", "unexpected error"):
        assert event in written
    answered = "".join(f"{answer.text} {answer.headers.get('location', '')}" for answer in answers)
    assert [secret for secret in secrets if secret in written] == []
    ours = {CLIENT_SECRET, REDIS_PASSWORD, settings().secret_key.get_secret_value()}  # the others are the caller's own
    assert [secret for secret in ours if secret in answered] == []
