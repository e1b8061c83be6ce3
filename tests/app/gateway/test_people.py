"""Who the caller is, who else there is, and the audit trail."""

from core import store
from core.db import unit_of_work
from core.states import Role
from tests.app.gateway.ward import Ward


def test_everybody_may_ask_who_they_are(ward: Ward) -> None:
    me = ward.client.get("/v1/me", headers=ward.bearer("rita")).json()
    assert (me["name"], me["role"], me["scopes"]) == ("rita", "reviewer", ["chat", "feedback", "review"])
    assert ward.client.get("/v1/me").status_code == 401


def test_only_admins_see_users_keys_and_the_audit_trail(ward: Ward) -> None:
    for path in ("/v1/users", "/v1/keys", "/v1/audit"):
        assert ward.client.get(path, headers=ward.bearer("rita")).status_code == 403
        assert ward.client.get(path, headers=ward.bearer("ada")).status_code == 200


def test_a_key_loses_what_its_owner_may_no_longer_do(ward: Ward) -> None:
    with unit_of_work() as session:
        store.get_user(session, "ada").role = Role.CLINICIAN
    assert ward.client.get("/v1/users", headers=ward.bearer("ada")).status_code == 403
    assert ward.client.get("/v1/models", headers=ward.bearer("ada")).status_code == 200


def test_lists_of_people_hold_nothing_that_opens_a_door(ward: Ward) -> None:
    text = "".join(ward.client.get(path, headers=ward.bearer("ada")).text for path in ("/v1/users", "/v1/keys"))
    assert "argon2" not in text
    assert "digest" not in text
    assert not [key for key in ward.keys.values() if key in text]


def test_the_audit_trail_comes_newest_first_with_its_state(ward: Ward) -> None:
    turn_id = ward.ask("What for gout?")["balancedbio"]["turn_id"]
    for rating in (1, -1):
        ward.client.post("/v1/feedback", headers=ward.bearer("ana"), json={"turn_id": turn_id, "rating": rating})
    trail = ward.client.get("/v1/audit?limit=1", headers=ward.bearer("ada")).json()
    assert [event["seq"] for event in trail["data"]] == [2]
    assert trail["first_broken"] is None
    assert ward.client.get("/v1/audit?limit=0", headers=ward.bearer("ada")).status_code == 400
