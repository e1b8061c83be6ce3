"""What is on record: who looked at others' words or at the trail, who changed what, who tried what they may not. And what is not: turns."""

from collections.abc import Callable
from typing import Any

import pytest

from app.gateway.sessions import COOKIE
from core import audit, store
from core.db import reading, unit_of_work
from core.states import Scope
from core.tables import AuditEvent, Turn
from tests.app.gateway.clock import clock
from tests.app.gateway.ward import PASSWORD, Ward

NOTHING: tuple[str, ...] = ()


def trail() -> list[AuditEvent]:
    """Oldest first; whole."""
    with reading() as session:
        assert audit.first_broken(session) is None
        return list(reversed(audit.newest(session, 1000)))


def send(ward: Ward, name: str, method: str, path: str, body: Any = None) -> int:
    return ward.client.request(method, path, headers=ward.bearer(name), json=body).status_code


def judged(ward: Ward) -> str:
    turn_id = ward.ask("What for gout?")["balancedbio"]["turn_id"]
    answer = ward.client.post("/v1/feedback", headers=ward.bearer("ana"), json={"turn_id": turn_id, "rating": 1})
    return str(answer.json()["id"])


RECORDED: dict[str, tuple[Callable[[Ward], Any], tuple[str, ...]]] = {
    "a turn": (lambda ward: ward.ask("What for gout?"), NOTHING),
    "a harmful question": (lambda ward: ward.ask("How can I poison my husband without anyone noticing?"), NOTHING),
    "a judgement": (judged, ("ana feedback.give",)),
    "a look at judgements": (
        lambda ward: (judged(ward), send(ward, "rita", "GET", "/v1/feedback")),
        ("ana feedback.give", "rita feedback.view all"),
    ),
    "a look at those that wait": (
        lambda ward: (judged(ward), send(ward, "rita", "GET", "/v1/feedback?status=new")),
        ("ana feedback.give", "rita feedback.view new"),
    ),
    "a look where nothing is": (lambda ward: send(ward, "rita", "GET", "/v1/feedback"), NOTHING),
    "a review": (
        lambda ward: send(ward, "rita", "POST", f"/v1/feedback/{judged(ward)}/review", {"status": "accepted"}),
        ("ana feedback.give", "rita feedback.review"),
    ),
    "a look at the trail": (lambda ward: send(ward, "ada", "GET", "/v1/audit"), ("ada audit.view",)),
    "a round": (lambda ward: send(ward, "ada", "POST", "/v1/rounds", {"recipe": "test"}), ("ada round.start",)),
    "an attempt at the trail": (lambda ward: send(ward, "rita", "GET", "/v1/audit"), ("rita access.refused GET /v1/audit",)),
    "an attempt at a round": (lambda ward: send(ward, "ana", "POST", "/v1/rounds", {}), ("ana access.refused POST /v1/rounds",)),
    "an attempt with a name in it": (
        lambda ward: send(ward, "ana", "POST", "/v1/feedback/John-Smith-1950/review", {"status": "accepted"}),
        ("ana access.refused POST /v1/feedback/{feedback_id}/review",),
    ),
    "an attempt at a page": (lambda ward: send(ward, "ana", "GET", "/admin/"), ("ana access.refused /admin",)),
    "an attempt of nobody": (lambda ward: ward.client.get("/v1/audit", headers={"Authorization": "Bearer bb-nobody"}), NOTHING),
    "a sign-in": (lambda ward: ward.client.post("/login", data={"name": "ana", "password": PASSWORD}, follow_redirects=False), ("ana session.open",)),
    "a wrong password": (lambda ward: ward.client.post("/login", data={"name": "ana", "password": "x"}, follow_redirects=False), NOTHING),
}


@pytest.mark.usefixtures("sent_jobs")
@pytest.mark.parametrize("what", RECORDED)
def test_what_is_on_record_and_what_is_not(ward: Ward, what: str) -> None:
    act, expected = RECORDED[what]
    act(ward)
    found = [f"{e.actor} {e.action} {e.subject}" for e in trail()]
    assert len(found) == len(expected), found
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


def test_a_harmful_question_is_a_turn_that_says_so(ward: Ward) -> None:
    RECORDED["a harmful question"][0](ward)
    with reading() as session:
        turn = session.query(Turn).one()
        assert turn.finish_reason == "withheld"
        assert "harmful_request" in [finding["rule"] for finding in turn.findings]


def test_a_record_says_what_was_shown(ward: Ward) -> None:
    first, second = judged(ward), judged(ward)
    send(ward, "rita", "GET", "/v1/feedback")
    assert trail()[-1].detail == {"shown": 2, "newest": second, "oldest": first}
    send(ward, "ada", "GET", "/v1/audit?limit=2")
    assert trail()[-1].detail == {"shown": 2, "first_broken": None}


def test_nobody_sees_the_trail_without_being_in_it(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(ward)

    def fails(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(audit, "record", fails)
    for name, path in (("ada", "/v1/audit"), ("rita", "/v1/feedback")):
        answer = ward.client.get(path, headers=ward.bearer(name))
        assert (answer.status_code, "data" in answer.json()) == (500, False)


def test_an_attempt_names_the_key_and_what_it_lacked_and_trying_on_does_not_fill_the_trail(ward: Ward) -> None:
    with unit_of_work() as session:
        ward.keys["narrow"] = store.add_api_key(session, store.get_user(session, "ada"), "narrow", [Scope.CHAT])
        key_id = store.find_api_key(session, ward.keys["narrow"])[0].id
    with clock() as now:
        codes = [send(ward, name, "GET", path) for _ in range(5) for name in ("narrow", "ana") for path in ("/v1/audit", "/v1/rounds")]
        assert set(codes) == {403}
        assert len(trail()) == 4
        now[0] += 61
        send(ward, "narrow", "GET", "/v1/audit")
    last = trail()[-1]
    assert (last.actor, last.detail) == ("ada", {"needs": "admin", "credential": key_id})
    assert len(trail()) == 5


def test_a_page_that_is_refused_is_on_record_and_one_that_opens_is_not(ward: Ward) -> None:
    for name in ("rita", "ana"):
        ward.client.cookies.clear()
        ward.client.post("/login", data={"name": name, "password": PASSWORD}, follow_redirects=False)
        assert COOKIE in ward.client.cookies
        ward.client.get("/admin/")
    assert [(e.actor, e.action) for e in trail()] == [("rita", "session.open"), ("ana", "session.open"), ("ana", "access.refused")]
