"""The models that a caller is told of."""

from core.db import unit_of_work
from core.states import CheckpointStatus
from core.tables import Checkpoint
from tests.app.gateway.ward import Ward


def test_models_lists_the_alias_and_what_it_stands_for(ward: Ward) -> None:
    listed = ward.client.get("/v1/models", headers=ward.bearer("ana")).json()["data"]
    assert [m["id"] for m in listed] == ["balancedbio", ward.checkpoint_id]
    for row in listed:
        assert ward.client.get(f"/v1/models/{row['id']}", headers=ward.bearer("ana")).json() == row


def test_a_model_that_the_list_keeps_from_a_caller_does_not_exist_for_it(ward: Ward) -> None:
    with unit_of_work() as session:
        session.add(Checkpoint(id="cp-new", base_model="starter", uri="x", sha256="1" * 64, status=CheckpointStatus.CANDIDATE, parent_id=ward.checkpoint_id))
    for name, path, status in (("ada", "cp-new", 200), ("ana", "cp-new", 404), ("ana", "gpt-9", 404)):
        answer = ward.client.get(f"/v1/models/{path}", headers=ward.bearer(name))
        assert (answer.status_code, path in answer.text) == (status, True)
