"""Signing in through the organisation: a real provider over HTTP, who gets in as whom, and every way to cheat that we know."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OctKey

from app.gateway.sessions import COOKIE
from app.server import create_app
from core import audit, store
from core.db import reading, unit_of_work
from core.llm import ScriptedChat
from core.settings import settings
from core.states import Role
from core.tables import User
from tests.app.gateway.provider import CLIENT_ID, CLIENT_SECRET, OTHER_KEY, Claims, Provider, signed, unsigned
from tests.app.gateway.ward import PASSWORD, furnish


@pytest.fixture
def browser(provider: Provider) -> Iterator[TestClient]:
    furnish()
    with TestClient(create_app(ScriptedChat(lambda _: "Rest."), pages=False), raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


def begin(browser: TestClient, target: str = "/chat") -> str:
    """Begins in this browser and signs in at the provider; the address that the provider sends the browser back to, without its host."""
    sent = browser.get("/login/oidc", params={"next": target})
    assert sent.status_code == 303, sent.text
    back = urlsplit(httpx.get(sent.headers["location"], trust_env=False).headers["location"])
    assert f"{back.scheme}://{back.netloc}" == settings().address
    return f"{back.path}?{back.query}"


def sign_in(browser: TestClient, target: str = "/chat") -> httpx.Response:
    return browser.get(begin(browser, target))


def member() -> User:
    """The one user whom the organisation knows."""
    with reading() as session:
        (found,) = [user for user in store.list_users(session) if user.subject]
    return found


def is_out(browser: TestClient, answer: httpx.Response, status: int = 401) -> bool:
    """Whether it was refused with the form, no session and no new user."""
    with reading() as session:
        strangers = [user.name for user in store.list_users(session) if user.subject]
    return answer.status_code == status and 'role="alert"' in answer.text and COOKIE not in browser.cookies and not strangers


def test_the_first_sign_in_makes_an_account_with_the_role_that_the_organisation_gives(browser: TestClient, provider: Provider) -> None:
    answer = sign_in(browser, "/admin")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    assert {key: browser.get("/v1/me").json()[key] for key in ("name", "role", "must_change_password")} == {
        "name": "oidc:ana",
        "role": "clinician",
        "must_change_password": False,
    }
    assert member().subject == f"{provider.issuer} 8f14e45f"
    with reading() as session:
        events = [(e.actor, e.action, e.subject) for e in audit.newest(session, 2)]
        assert events == [("oidc:ana", "session.open", member().id), ("oidc", "user.added", "oidc:ana")]
        assert audit.first_broken(session) is None


def test_the_role_is_what_the_organisation_says_at_each_sign_in(browser: TestClient, provider: Provider) -> None:
    sign_in(browser)
    provider.person |= {"groups": ["ward-doctors", "model-board", "canteen"], "preferred_username": "ana.married"}
    sign_in(browser)
    assert (member().name, member().role) == ("oidc:ana", Role.ADMIN)
    provider.person |= {"groups": "readers"}
    sign_in(browser)
    assert browser.get("/v1/me").json()["role"] == "reviewer"
    with reading() as session:
        changes = [e.detail for e in reversed(audit.newest(session, 20)) if e.action == "user.role"]
    assert changes == [{"before": "clinician", "after": "admin"}, {"before": "admin", "after": "reviewer"}]


NO_ROLE: dict[str, object] = {
    "none": None,
    "an unknown one": ["canteen"],
    "an empty list": [],
    "a number": 1,
    "an object": {"ward-doctors": True},
    "part": ["ward"],
}


@pytest.mark.parametrize("what", NO_ROLE)
def test_without_a_known_role_nobody_gets_in(browser: TestClient, provider: Provider, what: str) -> None:
    provider.person["groups"] = NO_ROLE[what]
    answer = sign_in(browser)
    assert is_out(browser, answer, 403)
    assert "not given you a role" in answer.text


def test_who_was_deactivated_stays_out_whatever_the_organisation_says(browser: TestClient, provider: Provider) -> None:
    sign_in(browser)
    with unit_of_work() as session:
        store.get_user(session, "oidc:ana").active = False
    assert browser.get("/v1/me").status_code == 401
    browser.cookies.clear()
    provider.person["groups"] = ["model-board"]
    assert sign_in(browser).status_code == 403
    assert COOKIE not in browser.cookies
    assert (member().active, member().role) == (False, Role.CLINICIAN)


def test_a_local_user_of_the_same_name_is_never_taken_over(browser: TestClient, provider: Provider) -> None:
    with unit_of_work() as session:
        store.add_user(session, "oidc:ana", Role.ADMIN, "hash")
    for name in ("ana", "ada"):
        provider.person |= {"preferred_username": name, "sub": f"subject of {name}"}
        assert sign_in(browser).status_code == 303
        me = browser.get("/v1/me").json()
        assert me["role"] == "clinician"
        assert me["name"].startswith("oidc:ana-" if name == "ana" else "oidc:ada")
    with reading() as session:
        assert [store.get_user(session, name).subject for name in ("ana", "ada", "oidc:ana")] == [None] * 3


def test_two_people_of_one_name_are_two(browser: TestClient, provider: Provider) -> None:
    names = set()
    for subject in ("one", "two", "one"):
        provider.person["sub"] = subject
        sign_in(browser)
        names.add(browser.get("/v1/me").json()["name"])
    assert len(names) == 2


def test_no_password_opens_a_members_account(browser: TestClient, provider: Provider) -> None:
    sign_in(browser)
    browser.cookies.clear()
    for password in ("", member().password_hash, PASSWORD):
        assert browser.post("/login", data={"name": "oidc:ana", "password": password}).status_code == 401


def test_the_ways_to_sign_in_stand_side_by_side(browser: TestClient, provider: Provider) -> None:
    assert 'href="/login/oidc?next=/admin"' in browser.get("/login?next=/admin").text
    assert browser.post("/login", data={"name": "ana", "password": PASSWORD}).status_code == 303
    assert browser.get("/v1/me").json()["name"] == "ana"


def other_claims(**changes: object) -> Callable[[Provider], None]:
    def change(provider: Provider) -> None:
        provider.claims = lambda claims: {name: value for name, value in (claims | changes).items() if value is not None}

    return change


def other_signature(sign: Callable[[Claims], str], **document: object) -> Callable[[Provider], None]:
    def change(provider: Provider) -> None:
        provider.sign = sign
        provider.document |= document

    return change


def with_the_secret(claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])


def half(claims: Claims) -> str:
    return signed(claims).rpartition(".")[0] + "."


FORGED: dict[str, Callable[[Provider], None]] = {
    "another nonce": other_claims(nonce="another"),
    "no nonce": other_claims(nonce=None),
    "for another client": other_claims(aud="another-client"),
    "for another client, made for us": other_claims(aud="another-client", azp=CLIENT_ID),
    "for nobody": other_claims(aud=None),
    "from another issuer": other_claims(iss="https://evil.example"),
    "from nobody": other_claims(iss=None),
    "expired": other_claims(exp=int(time.time()) - 3600),
    "for ever": other_claims(exp=None),
    "not yet": other_claims(nbf=int(time.time()) + 3600),
    "about nobody": other_claims(sub=None),
    "about an empty name": other_claims(sub=""),
    "about a number": other_claims(sub=7),
    "about binary data": other_claims(sub="a\x00b", preferred_username=None),
    "for another access token": other_claims(at_hash="bm90IHRoaXMgb25l"),
    "signed by another key": other_signature(lambda claims: signed(claims, OTHER_KEY)),
    "signed by a key that nobody knows": other_signature(lambda claims: signed(claims, OTHER_KEY, kid="two")),
    "not signed": other_signature(unsigned),
    "not signed, which the provider offers": other_signature(unsigned, id_token_signing_alg_values_supported=["RS256", "none"]),
    "signed with our secret": other_signature(with_the_secret),
    "signed with our secret, which the provider offers": other_signature(with_the_secret, id_token_signing_alg_values_supported=["HS256", "RS256"]),
    "without its signature": other_signature(half),
    "nonsense": other_signature(lambda _: "x.y.z"),
    "empty": other_signature(lambda _: ""),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_token_that_is_not_right_opens_nothing(browser: TestClient, provider: Provider, how: str) -> None:
    FORGED[how](provider)
    answer = sign_in(browser)
    assert provider.tokens_given == 1, "it was the token that was refused"
    assert is_out(browser, answer)
    assert "did not vouch for you" in answer.text


def changed(address: str, **query: str | None) -> str:
    parts = urlsplit(address)
    values: dict[str, str | None] = {name: found[0] for name, found in parse_qs(parts.query).items()} | query
    return f"{parts.path}?{httpx.QueryParams({name: value for name, value in values.items() if value is not None})}"


@pytest.mark.parametrize("query", [{"state": None}, {"state": ""}, {"state": "another"}, {"state": "ünicode"}, {"code": None}, {"code": "another"}])
def test_what_comes_back_must_be_what_was_begun(browser: TestClient, provider: Provider, query: dict[str, str | None]) -> None:
    back = changed(begin(browser), **query)
    assert is_out(browser, browser.get(back))


def test_a_sign_in_that_was_begun_in_another_browser_is_refused(browser: TestClient, provider: Provider) -> None:
    back = begin(browser)
    browser.cookies.clear()
    assert is_out(browser, browser.get(back))
    mine = begin(browser)
    assert is_out(browser, browser.get(back)), "its own cookie does not fit the other's state"
    assert provider.tokens_given == 0
    assert browser.get(mine).status_code == 303, "which goes on as it began"


def test_a_cookie_of_another_kind_or_maker_begins_nothing(browser: TestClient, provider: Provider) -> None:
    back = begin(browser)
    kept = browser.cookies["bb_sign_in"]
    browser.post("/login", data={"name": "ada", "password": PASSWORD})
    session = browser.cookies[COOKIE]
    for forged in (session, kept[:-3] + ("AAA" if not kept.endswith("AAA") else "BBB"), "", "x.y.z"):
        browser.cookies.clear()
        browser.cookies.set("bb_sign_in", forged, path="/login/oidc")
        assert is_out(browser, browser.get(back))
    assert browser.get("/v1/me", headers={"Authorization": f"Bearer {kept}"}).status_code == 401, "nor does it open a session"


def test_what_came_back_once_does_not_come_back_again(browser: TestClient, provider: Provider) -> None:
    back = begin(browser)
    kept = browser.cookies["bb_sign_in"]
    assert browser.get(back).status_code == 303
    assert "bb_sign_in" not in browser.cookies
    provider.granted = dict.fromkeys(parse_qs(urlsplit(back).query)["code"], next(iter(provider.granted.values()), {}))  # were it to take the code again
    browser.cookies.clear()
    browser.cookies.set("bb_sign_in", kept, path="/login/oidc")
    answer = browser.get(back)
    assert (answer.status_code, COOKIE in browser.cookies) == (401, False)
    assert provider.tokens_given == 1, "the code was not even sent"


def test_a_code_is_worth_nothing_in_another_sign_in(browser: TestClient, provider: Provider) -> None:
    stolen = parse_qs(urlsplit(begin(browser)).query)["code"][0]
    browser.cookies.clear()
    assert is_out(browser, browser.get(changed(begin(browser), code=stolen)))
    assert provider.tokens_given == 0


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/chat\nX: y"])
def test_a_sign_in_never_leads_to_another_site(browser: TestClient, provider: Provider, target: str) -> None:
    assert sign_in(browser, target).headers["location"] == "/chat"


def test_a_provider_that_calls_itself_something_else_is_not_believed(browser: TestClient, provider: Provider) -> None:
    provider.document["issuer"] = "https://evil.example"
    answer = browser.get("/login/oidc")
    assert is_out(browser, answer, 503)
    assert "set OIDC_ISSUER" in answer.text


def test_keys_that_the_provider_changes_are_fetched_again(browser: TestClient, provider: Provider) -> None:
    sign_in(browser)
    new = type(OTHER_KEY).generate_key(2048, {"kid": "new"})
    provider.keys = [new]
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "new"}, claims, new, algorithms=["RS256"])
    browser.cookies.clear()
    assert sign_in(browser).status_code == 303


def test_the_form_still_works_when_the_provider_is_away(browser: TestClient, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    back = begin(browser)
    provider.document["token_endpoint"] = "http://127.0.0.1:1/token"
    with TestClient(create_app(ScriptedChat(lambda _: ""), pages=False), follow_redirects=False) as later:
        begun = begin(later)
        assert is_out(later, later.get(begun), 503)
    assert browser.get(back).status_code == 303
    monkeypatch.setenv("OIDC_ISSUER", "http://127.0.0.1:1")
    settings.cache_clear()
    with TestClient(create_app(ScriptedChat(lambda _: ""), pages=False), follow_redirects=False) as cut_off:
        assert "does not answer" in cut_off.get("/login/oidc").text
        assert cut_off.post("/login", data={"name": "ana", "password": PASSWORD}).status_code == 303


def test_where_no_organisation_is_set_up_there_is_no_such_way() -> None:
    furnish()
    with TestClient(create_app(ScriptedChat(lambda _: ""), pages=False), follow_redirects=False) as client:
        assert "organisation" not in client.get("/login").text
        assert client.get("/login/oidc").status_code == 404
        assert client.get("/login/oidc/callback?code=x&state=y").status_code == 404
