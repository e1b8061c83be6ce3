"""Judgements: given on one's own turns, stored without identifiers, reviewed, audited."""

import json
from typing import Any

from core import store
from core.audit import first_broken
from core.db import reading, unit_of_work
from core.tables import AuditEvent, Round
from tests.app.gateway.ward import Ward


def judged(ward: Ward, **fields: Any) -> dict[str, Any]:
    turn_id = ward.ask("What treats gout?")["balancedbio"]["turn_id"]
    answer = ward.client.post("/v1/feedback", headers=ward.bearer("ana"), json={"turn_id": turn_id, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def review(ward: Ward, feedback_id: str, status: str) -> Any:
    return ward.client.post(f"/v1/feedback/{feedback_id}/review", headers=ward.bearer("rita"), json={"status": status})


def test_a_judgement_is_stored_with_its_turn_and_without_identifiers(ward: Ward) -> None:
    given = judged(ward, rating=-1, correction="For Mrs Jane Doe (jane@x.org) use colchicine.", unsafe=True, simulated=True)
    listed = ward.client.get("/v1/feedback", headers=ward.bearer("rita")).json()["data"]
    assert [f["id"] for f in listed] == [given["id"]]
    assert listed[0]["rating"] == -1
    assert listed[0]["flags"] == ["unsafe", "simulated"]
    assert listed[0]["turn"]["reply"].startswith("The first-line")
    assert not any(word in json.dumps(listed) for word in ("Doe", "jane@x.org"))


def test_a_reviewer_accepts_and_changes_the_mind_until_a_round_used_it(ward: Ward) -> None:
    feedback_id = judged(ward, rating=1)["id"]
    assert review(ward, feedback_id, "accepted").json()["status"] == "accepted"
    assert review(ward, feedback_id, "rejected").json()["status"] == "rejected"
    assert review(ward, feedback_id, "accepted").status_code == 200
    with unit_of_work() as session:
        row = Round(recipe={}, policy={}, parent_id=ward.checkpoint_id, requested_by="ada")
        session.add(row)
        session.flush()
        store.claim_feedback(session, row.id)
    assert review(ward, feedback_id, "rejected").status_code == 409
    waiting = ward.client.get("/v1/feedback?status=new", headers=ward.bearer("rita")).json()["data"]
    assert waiting == []


def test_each_judgement_and_review_is_in_an_unbroken_audit_trail(ward: Ward) -> None:
    review(ward, judged(ward, comment="good")["id"], "accepted")
    with reading() as session:
        events = [(e.actor, e.action) for e in session.query(AuditEvent).order_by(AuditEvent.seq)]
        assert events == [("ana", "feedback.give"), ("rita", "feedback.review")]
        assert first_broken(session) is None


def test_an_unknown_status_in_the_query_is_one_clear_error(ward: Ward) -> None:
    answer = ward.client.get("/v1/feedback?status=perhaps", headers=ward.bearer("rita"))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "status")
