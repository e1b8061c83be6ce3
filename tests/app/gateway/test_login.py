"""Signing in: one-time passwords, sessions, throttling, and the door before the pages."""

from concurrent.futures import ThreadPoolExecutor

import gradio
import pytest
from fastapi.testclient import TestClient
from redis import Redis

from app.gateway.door import visitor
from app.gateway.sessions import COOKIE
from app.gateway.throttle import Throttle
from app.gateway.windows import Windows
from app.server import create_app
from core.audit import first_broken
from core.db import reading, unit_of_work
from core.errors import TooManyRequests
from core.llm import ScriptedChat
from core.settings import settings
from core.store import get_user
from tests.app.gateway.clock import clock
from tests.app.gateway.ward import PASSWORD, Ward
from tests.redis_server import RedisServer

NEW = "a much better secret"
HTML = {"Accept": "text/html"}


@pytest.fixture
def browser(ward: Ward) -> TestClient:
    ward.client.follow_redirects = False
    return ward.client


def sign_in(browser: TestClient, name: str, password: str = PASSWORD, **fields: str) -> int:
    return browser.post("/login", data={"name": name, "password": password, **fields}).status_code


def test_the_pages_are_self_contained_and_send_no_script(browser: TestClient) -> None:
    page = browser.get("/login?next=/admin")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'name="next" value="/admin"' in page.text


def test_a_one_time_password_opens_nothing_but_the_choice_of_a_new_one(browser: TestClient) -> None:
    answer = browser.post("/login", data={"name": "nora", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/password?next=%2Fchat")
    assert browser.get("/v1/models").status_code == 403
    assert browser.get("/chat/", headers=HTML).headers["location"].startswith("/password")
    assert "Choose your password" in browser.get("/password").text
    changed = browser.post("/password", data={"old": PASSWORD, "new": NEW, "repeated": NEW, "next": "/chat"})
    assert (changed.status_code, changed.headers["location"]) == (303, "/chat")
    assert browser.get("/v1/models").status_code == 200
    with reading() as session:
        assert get_user(session, "nora").must_change_password is False
        assert first_broken(session) is None


def test_a_changed_password_ends_every_older_session(browser: TestClient) -> None:
    assert sign_in(browser, "ana") == 303
    old = browser.cookies[COOKIE]
    assert browser.get("/v1/models", headers={"Authorization": f"Bearer {old}"}).status_code == 200
    assert browser.post("/password", data={"old": PASSWORD, "new": NEW, "repeated": NEW}).status_code == 303
    assert browser.get("/v1/models", headers={"Authorization": f"Bearer {old}"}).status_code == 401
    assert browser.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"old": "wrong", "new": NEW, "repeated": NEW}, "present password is wrong"),
        ({"old": PASSWORD, "new": "short", "repeated": "short"}, "at least"),
        ({"old": PASSWORD, "new": NEW, "repeated": NEW + "!"}, "differ"),
        ({"old": PASSWORD, "new": PASSWORD, "repeated": PASSWORD}, "differ from the old"),
    ],
)
def test_a_bad_new_password_is_refused_with_the_reason(browser: TestClient, fields: dict[str, str], says: str) -> None:
    sign_in(browser, "nora")
    answer = browser.post("/password", data=fields)
    assert answer.status_code == 400
    assert says in answer.text
    assert browser.get("/v1/models").status_code == 403


def test_wrong_name_and_wrong_password_look_the_same(browser: TestClient) -> None:
    answers = [browser.post("/login", data={"name": name, "password": "nope"}) for name in ("ana", "nobody")]
    assert {a.status_code for a in answers} == {401}
    assert answers[0].text.replace("ana", "") == answers[1].text.replace("nobody", "")


@pytest.mark.parametrize("field", ["name", "password", "next"])
def test_binary_data_in_a_form_is_refused_with_the_reason(browser: TestClient, field: str) -> None:
    """PostgreSQL takes no NUL, and what was typed would stand in the log of the error."""
    answer = browser.post("/login", data={"name": "ana", "password": PASSWORD, field: "typed\x00"})
    assert answer.status_code == 400
    assert "control character U+0000" in answer.text
    assert "typed" not in answer.text


def test_guessing_is_slowed_down_and_others_are_not(browser: TestClient) -> None:
    assert [sign_in(browser, "ana", "nope") for _ in range(6)] == [401] * 5 + [429]
    assert sign_in(browser, "ana") == 429
    assert sign_in(browser, "ben") == 303


def test_guesses_that_come_all_at_once_are_counted_too(browser: TestClient) -> None:
    with ThreadPoolExecutor(12) as crowd:
        codes = list(crowd.map(lambda _: sign_in(browser, "ana", "nope"), range(12)))
    assert sorted(codes) == [401] * 5 + [429] * 7


def test_a_login_never_leads_to_another_site(browser: TestClient) -> None:
    for target in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = browser.post("/login", data={"name": "ana", "password": PASSWORD, "next": target})
        assert answer.headers["location"] == "/chat"


def test_another_site_can_neither_sign_in_nor_act_with_the_cookie(browser: TestClient) -> None:
    evil = {"Origin": "https://evil.example"}
    assert browser.post("/login", data={"name": "ana", "password": PASSWORD}, headers=evil).status_code == 403
    sign_in(browser, "ada")
    assert browser.post("/v1/rounds", json={}, headers=evil).status_code == 403
    assert browser.post("/logout", headers=evil).status_code == 403


def test_behind_a_proxy_with_https_its_pages_are_ours_and_the_cookie_stays_on_https(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"name": "ana", "password": PASSWORD}
    assert "secure" not in browser.post("/login", data=form).headers["set-cookie"].lower()
    assert browser.post("/login", data=form, headers={"Origin": ""}).status_code == 403
    monkeypatch.setenv("PUBLIC_URL", "https://ward.example/")
    settings.cache_clear()
    answer = browser.post("/login", data=form, headers={"Origin": "https://ward.example"})
    assert answer.status_code == 303
    assert all(word in answer.headers["set-cookie"].lower() for word in ("secure", "httponly", "samesite=lax"))
    for origin in ("http://ward.example", "https://ward.example.evil.example", "null", ""):
        assert browser.post("/login", data=form, headers={"Origin": origin}).status_code == 403


def test_logout_forgets_the_session(browser: TestClient) -> None:
    sign_in(browser, "ana")
    assert browser.post("/logout").headers["location"] == "/login"
    assert COOKIE not in browser.cookies
    assert browser.get("/v1/models").status_code == 401


def test_forged_expired_and_inactive_sessions_are_refused(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(browser, "ana")
    token = browser.cookies[COOKIE]
    browser.cookies.clear()
    for bad in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "x.y.z", "nonsense"):
        assert browser.get("/v1/models", headers={"Authorization": f"Bearer {bad}"}).status_code == 401
    with unit_of_work() as session:
        get_user(session, "ana").active = False
    assert browser.get("/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    monkeypatch.setenv("SECRET_KEY", "another" * 8)
    settings.cache_clear()
    assert browser.get("/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_page_opens_for_those_who_may_and_knows_their_name(browser: TestClient) -> None:
    def mount() -> None:
        with gradio.Blocks() as page:
            gradio.Markdown("ward round")
        gradio.mount_gradio_app(browser.app, page, path="/admin", auth_dependency=visitor)  # type: ignore[arg-type]  # Gradio's own signature is narrower

    assert browser.portal is not None
    browser.portal.call(mount)  # inside a running loop: outside of one, Gradio opens loops that it never closes
    assert browser.get("/admin/", headers=HTML).headers["location"] == "/login?next=%2Fadmin%2F"
    assert browser.get("/admin/config").json()["error"]["code"] == "invalid_api_key"
    sign_in(browser, "ana")
    assert browser.get("/admin/", headers=HTML).status_code == 403
    sign_in(browser, "rita")
    assert browser.get("/admin/config").json()["username"] == "rita"


def test_the_throttle_forgets_after_a_while() -> None:
    with clock() as now:
        throttle = Throttle(Windows("redis://127.0.0.1:1/0"))
        for _ in range(5):
            throttle.attempt("x")
            now[0] += 10
        throttle.attempt("y")
        with pytest.raises(TooManyRequests, match="251 seconds") as refusal:
            throttle.attempt("x")
        now[0] += refusal.value.retry_after_seconds or 0
        throttle.attempt("x")
        with pytest.raises(TooManyRequests):
            throttle.attempt("x")
        throttle.succeeded("x")
        for _ in range(5):
            throttle.attempt("x")


def test_two_processes_count_guesses_together_and_each_by_itself_without_redis(redis: RedisServer, ward: Ward) -> None:
    ward.client.follow_redirects = False
    with TestClient(create_app(ScriptedChat(lambda _: ""), pages=False), follow_redirects=False) as other:
        crowd = [ward.client, other]
        assert [sign_in(crowd[n % 2], "ana", "nope") for n in range(6)] == [401] * 5 + [429]
        assert sign_in(other, "ana") == 429
        assert [sign_in(ward.client, "ben", "nope"), sign_in(other, "ben")] == [401, 303]
        assert [sign_in(crowd[n % 2], "ben", "nope") for n in range(6)] == [401] * 5 + [429], "a success forgets what was before it"
        redis.kill()
        assert [sign_in(other, "rita", "nope") for _ in range(6)] == [401] * 5 + [429]
        assert sign_in(ward.client, "rita") == 303


def test_redis_sees_neither_names_nor_what_was_typed_in_their_place(redis: RedisServer, browser: TestClient) -> None:
    sign_in(browser, "hunter2hunter2", "ana")
    with Redis.from_url(redis.url) as client:
        (key,) = client.keys()
    assert b"sign-in" in key
    assert b"hunter2" not in key
