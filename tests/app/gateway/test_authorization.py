"""Every operation under /v1, and every way to send the wrong credentials: refused before anything is read or written."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.gateway.auth import SCOPES
from app.gateway.sessions import COOKIE
from core import store
from core.db import reading, unit_of_work
from core.states import Role, Scope
from core.tables import ApiKey, User, utc_now
from tests.app.gateway.ward import Ward


def operations(client: TestClient) -> Iterator[tuple[str, str]]:
    """Every described operation that asks for a key."""
    for path, found in client.get("/openapi.json").json()["paths"].items():
        for method, operation in found.items():
            if operation.get("security"):
                yield method.upper(), path.replace("{round_id}", "round-1").replace("{feedback_id}", "fb-1").replace("{checkpoint_id}", "cp-1")


def key_of(name: str, change: Callable[[ApiKey, User], None]) -> str:
    """A new key of that person, changed."""
    with unit_of_work() as session:
        user = store.find_user(session, name)
        assert user
        key = store.add_api_key(session, user, "other", sorted(SCOPES[Role(user.role)]))
        change(*store.find_api_key(session, key))
    return key


def revoked(key: ApiKey, _: User) -> None:
    key.revoked_at = utc_now()


def expired(key: ApiKey, _: User) -> None:
    key.expires_at = utc_now() - timedelta(seconds=1)


def left(_: ApiKey, user: User) -> None:
    user.active = False


def digest_of(key: str) -> str:
    with reading() as session:
        return store.find_api_key(session, key)[0].digest


NOBODY: dict[str, Callable[[Ward], dict[str, str]]] = {
    "none": lambda _: {},
    "an empty header": lambda _: {"Authorization": ""},
    "the scheme alone": lambda _: {"Authorization": "Bearer"},
    "an empty key": lambda _: {"Authorization": "Bearer "},
    "another scheme": lambda ward: {"Authorization": f"Basic {ward.keys['ada']}"},
    "a key without a scheme": lambda ward: {"Authorization": ward.keys["ada"]},
    "a key in the wrong header": lambda ward: {"X-Api-Key": ward.keys["ada"]},
    "a key that nobody has": lambda _: {"Authorization": "Bearer bb-" + "x" * 43},
    "a key cut short": lambda ward: {"Authorization": f"Bearer {ward.keys['ada'][:-1]}"},
    "a key with something behind it": lambda ward: {"Authorization": f"Bearer {ward.keys['ada']}x"},
    "a key in capitals": lambda ward: {"Authorization": f"Bearer {ward.keys['ada'].upper()}"},
    "two keys": lambda ward: {"Authorization": f"Bearer {ward.keys['ana']}, Bearer {ward.keys['ada']}"},
    "a key's stored hash": lambda ward: {"Authorization": f"Bearer bb-{digest_of(ward.keys['ada'])}"},
    "a forged session": lambda _: {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."},
    "a forged cookie": lambda _: {"Cookie": f"{COOKIE}=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."},
    "a revoked key": lambda _: {"Authorization": f"Bearer {key_of('ada', revoked)}"},
    "an expired key": lambda _: {"Authorization": f"Bearer {key_of('ada', expired)}"},
    "the key of one who has left": lambda _: {"Authorization": f"Bearer {key_of('ada', left)}"},
}


@pytest.mark.parametrize("mistake", NOBODY)
def test_who_is_nobody_is_refused_everywhere(ward: Ward, rows: Callable[[], dict[str, int]], mistake: str) -> None:
    headers = NOBODY[mistake](ward)
    before = rows()
    answers = {(method, path): ward.client.request(method, path, headers=headers) for method, path in operations(ward.client)}
    assert len(answers) > 14
    assert {where: a.status_code for where, a in answers.items() if a.status_code != 401} == {}
    assert all(a.headers["WWW-Authenticate"] == "Bearer" and set(a.json()["error"]) == {"message", "type", "param", "code"} for a in answers.values())
    assert not any(key in a.text for a in answers.values() for key in ward.keys.values())
    assert rows() == before


NEEDS: dict[tuple[str, str], Scope | None] = {
    ("POST", "/v1/chat/completions"): Scope.CHAT,
    ("POST", "/v1/completions"): Scope.CHAT,
    ("GET", "/v1/models"): Scope.CHAT,
    ("GET", "/v1/models/{name}"): Scope.CHAT,
    ("POST", "/v1/feedback"): Scope.FEEDBACK,
    ("GET", "/v1/feedback"): Scope.REVIEW,
    ("POST", "/v1/feedback/fb-1/review"): Scope.REVIEW,
    ("GET", "/v1/me"): None,
}
"""All others need an admin. None: anybody who is somebody."""


@pytest.mark.parametrize("scope", [*Scope, None])
def test_a_key_may_do_what_its_scope_says_and_nothing_else(ward: Ward, rows: Callable[[], dict[str, int]], scope: Scope | None) -> None:
    with unit_of_work() as session:
        user = store.find_user(session, "ada")
        assert user
        key = store.add_api_key(session, user, "narrow", [scope] if scope else [])
    before = rows()
    wrong: dict[Any, int] = {}
    for where in operations(ward.client):
        answer = ward.client.request(*where, headers={"Authorization": f"Bearer {key}"}, content=b"")
        needed = NEEDS.get(where, Scope.ADMIN)
        may = needed is None or scope in (needed, Scope.ADMIN)
        if answer.status_code == 401 or may == (answer.status_code == 403):
            wrong[where] = answer.status_code
    assert wrong == {}
    assert rows() | {"audit_events": 0} == before


def test_a_key_of_many_scopes_has_no_more_than_its_owners_role(ward: Ward) -> None:
    with unit_of_work() as session:
        user = store.find_user(session, "ana")
        assert user
        key = store.add_api_key(session, user, "wide", list(Scope))
    answers = [ward.client.request(*where, headers={"Authorization": f"Bearer {key}"}) for where in operations(ward.client) if where not in NEEDS]
    assert {a.status_code for a in answers} == {403}
