"""Queries keep their promises: one alias, one round, one worker, feedback used once, keys that end."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from core import store
from core.db import reading, unit_of_work
from core.errors import BadInput, Conflict, LostLease, NotFound, NotSignedIn
from core.states import CheckpointStatus, FeedbackStatus, Role, RoundStatus, Scope
from core.tables import Checkpoint, Conversation, Feedback, Round, Turn, User, utc_now
from core.types import Progress

pytestmark = pytest.mark.usefixtures("database")


def adapter(session: Session, name: str, parent: str, status: CheckpointStatus = CheckpointStatus.CANDIDATE) -> Checkpoint:
    base = store.get_checkpoint(session, parent).base_model
    return store.add_candidate(session, Checkpoint(id=name, parent_id=parent, base_model=base, uri=f"/{name}", sha256=name, status=status))


def new_round(session: Session) -> Round:
    store.ensure_base_checkpoint(session, "starter", "a")
    return store.add_round(session, {}, {}, "ann")


def turn_of(session: Session, user: User) -> Turn:
    checkpoint = store.ensure_base_checkpoint(session, "starter", "a")
    conversation = Conversation(user_id=user.id)
    session.add(conversation)
    session.flush()
    turn = Turn(
        conversation_id=conversation.id, user_id=user.id, checkpoint_id=checkpoint.id,
        messages=[], reply="", finish_reason="stop", claims=[], findings=[], usage={}, latency_ms=1.0,
    )  # fmt: skip
    store.add_turn(session, turn)
    return turn


def feedback_of(session: Session, user: User) -> Feedback:
    feedback = Feedback(turn_id=turn_of(session, user).id, user_id=user.id, ratings={"overall": 1}, flags=[])
    store.add_feedback(session, feedback)
    return feedback


def test_a_user_name_is_taken_once_and_not_empty() -> None:
    with unit_of_work() as session:
        store.add_user(session, "ann", Role.CLINICIAN, "x")
        with pytest.raises(Conflict):
            store.add_user(session, "ann", Role.ADMIN, "x")
        for name in ("", "  ", "n" * 81):
            with pytest.raises(BadInput):
                store.add_user(session, name, Role.ADMIN, "x")


def test_a_key_opens_until_it_expires_is_revoked_or_its_owner_leaves() -> None:
    with unit_of_work() as session:
        ann = store.add_user(session, "ann", Role.CLINICIAN, "x")
        live = store.add_api_key(session, ann, "live", [Scope.CHAT], utc_now() + timedelta(hours=1))
        past = store.add_api_key(session, ann, "past", [Scope.CHAT], utc_now() - timedelta(seconds=1))
        revoked = store.add_api_key(session, ann, "revoked", [Scope.CHAT])
        store.revoke_api_key(session, store.find_api_key(session, revoked)[0].id)
    with reading() as session:
        key, owner = store.find_api_key(session, live)
        assert (key.scopes, owner.name) == (["chat"], "ann")
        assert live not in {k.digest for k, _ in store.list_api_keys(session)}
        for wrong in (past, revoked, "bb-unknown", ""):
            with pytest.raises(NotSignedIn, match="not valid"):
                store.find_api_key(session, wrong)
    with unit_of_work() as session:
        store.get_user(session, "ann").active = False
        session.flush()
        with pytest.raises(NotSignedIn):
            store.find_api_key(session, live)


def test_another_users_conversation_and_turn_do_not_exist() -> None:
    with unit_of_work() as session:
        ann, bob = (store.add_user(session, name, Role.CLINICIAN, "x") for name in ("ann", "bob"))
        turn = turn_of(session, ann)
        assert store.turn_of(session, ann.id, turn.id) is turn
        assert store.conversation_of(session, ann.id, turn.conversation_id).id == turn.conversation_id
        with pytest.raises(NotFound):
            store.turn_of(session, bob.id, turn.id)
        with pytest.raises(NotFound):
            store.conversation_of(session, bob.id, turn.conversation_id)


def test_feedback_is_used_by_one_round_and_given_back_when_that_fails() -> None:
    with unit_of_work() as session:
        ann = store.add_user(session, "ann", Role.CLINICIAN, "x")
        accepted, waiting = feedback_of(session, ann), feedback_of(session, ann)
        store.review_feedback(session, accepted.id, ann.id, FeedbackStatus.ACCEPTED)
        row = new_round(session)
        assert store.count_waiting_feedback(session) == 1
        for _ in range(2):  # safe to call again
            assert [f.id for f, _ in store.claim_feedback(session, row.id)] == [accepted.id]
        assert store.count_waiting_feedback(session) == 0
        with pytest.raises(Conflict):
            store.review_feedback(session, accepted.id, ann.id, FeedbackStatus.REJECTED)
        store.release_feedback(session, row.id)
        assert store.count_waiting_feedback(session) == 1
        assert [f.id for f, _ in store.list_feedback(session, FeedbackStatus.NEW)] == [waiting.id]


def test_there_is_always_exactly_one_checkpoint_in_production() -> None:
    with unit_of_work() as session:
        base = store.ensure_base_checkpoint(session, "starter", "a")
        assert store.ensure_base_checkpoint(session, "starter", "a").id == base.id == store.production(session).id
        adapter(session, "cp-1", base.id)
        store.set_production(session, "cp-1")
        assert store.ensure_base_checkpoint(session, "starter", "a").status == CheckpointStatus.RETIRED  # an adapter of it is in production
        assert [c.id for c in store.list_checkpoints(session) if c.status == CheckpointStatus.PRODUCTION] == ["cp-1"]
        store.set_production(session, base.id)  # roll back
        assert store.get_checkpoint(session, "cp-1").status == CheckpointStatus.RETIRED


def test_a_candidate_is_registered_once_and_with_one_content() -> None:
    with unit_of_work() as session:
        base = store.ensure_base_checkpoint(session, "starter", "a")
        first = adapter(session, "cp-1", base.id)
        assert adapter(session, "cp-1", base.id) is first
        with pytest.raises(Conflict):
            store.add_candidate(session, Checkpoint(id="cp-1", base_model="starter", uri="", sha256="other", status=CheckpointStatus.CANDIDATE))


def test_what_is_served_is_production_then_candidates_then_the_last_to_roll_back_to() -> None:
    with unit_of_work() as session:
        base = store.ensure_base_checkpoint(session, "starter", "a")
        for number in range(4):
            adapter(session, f"cp-{number}", base.id)
            store.set_production(session, f"cp-{number}")
        adapter(session, "cp-new", "cp-3")
        adapter(session, "cp-bad", "cp-3", CheckpointStatus.REJECTED)
        assert [c.id for c in store.servable_checkpoints(session)] == ["cp-3", "cp-new", "cp-2", "cp-1"]


def test_a_candidate_is_served_while_its_round_goes_on() -> None:
    with unit_of_work() as session:
        base = store.ensure_base_checkpoint(session, "starter", "a")
        row = store.add_round(session, {}, {}, "ada")
        adapter(session, "cp-new", base.id).round_id = row.id
        assert [c.id for c in store.servable_checkpoints(session)] == ["cp-new"]
        store.set_round_status(session, row, RoundStatus.HELD)
        assert store.servable_checkpoints(session) == []


def test_adapters_of_a_base_models_former_weights_are_not_served() -> None:
    with unit_of_work() as session:
        old = store.ensure_base_checkpoint(session, "starter", "a")
        adapter(session, "cp-old", old.id)
        store.set_production(session, "cp-old")
        adapter(session, "cp-older-candidate", "cp-old")
        new = store.ensure_base_checkpoint(session, "starter", "b")  # the same name, made again
        assert store.production(session).id == new.id
        adapter(session, "cp-new", new.id)
        assert [c.id for c in store.servable_checkpoints(session)] == ["cp-new"]


def test_there_is_one_round_at_a_time() -> None:
    with unit_of_work() as session:
        row = new_round(session)
        with pytest.raises(Conflict, match=row.id):
            store.add_round(session, {}, {}, "ann")
        store.set_round_status(session, row, RoundStatus.FAILED)
        assert row.finished_at is not None
        assert store.add_round(session, {}, {}, "ann").id != row.id


def test_a_lease_is_held_by_one_and_taken_over_only_in_silence() -> None:
    with unit_of_work() as session:
        row_id = new_round(session).id
        assert store.take_lease(session, row_id, "one", 30) == 1
        assert store.take_lease(session, row_id, "two", 30) is None
        store.renew_lease(session, row_id, 1, 30)
        session.execute(update(Round).values(lease_until=utc_now() - timedelta(seconds=1)))
        assert [r.id for r in store.rounds_without_worker(session)] == [row_id]
        assert store.take_lease(session, row_id, "two", 30) == 2
        with pytest.raises(LostLease):
            store.renew_lease(session, row_id, 1, 30)
        with pytest.raises(LostLease):
            store.release_lease(session, row_id, 1)
        store.release_lease(session, row_id, 2)
        assert store.take_lease(session, row_id, "three", 30) == 3
        assert store.get_round(session, row_id).attempts == 3


def test_a_finished_or_unknown_round_cannot_be_worked_on() -> None:
    with unit_of_work() as session:
        row = new_round(session)
        store.set_round_status(session, row, RoundStatus.CANCELLED)
        session.flush()
        assert store.take_lease(session, row.id, "one", 30) is None
        assert store.rounds_without_worker(session) == []
        with pytest.raises(LostLease):
            store.fenced_round(session, "round-unknown", 1)


def test_a_round_that_waits_for_a_person_does_not_wait_for_a_machine() -> None:
    with unit_of_work() as session:
        row = new_round(session)
        store.set_round_status(session, row, RoundStatus.AWAITING_SIGNOFF)
        assert store.rounds_without_worker(session) == []
        row.signed_off_by = "ann"
        assert [r.id for r in store.rounds_without_worker(session)] == [row.id]
        row.signed_off_by, row.cancel_requested = None, True
        assert [r.id for r in store.rounds_without_worker(session)] == [row.id]


def test_a_step_run_again_replaces_its_metric() -> None:
    with unit_of_work() as session:
        row = new_round(session)
        for step, reward in ((1, 0.1), (2, 0.2), (1, 0.3)):
            store.add_metric(session, row.id, step, {"reward": reward})
            session.flush()
        store.set_progress(session, row.id, Progress(stage="training", done=1, total=2))
        assert [(m.step, m.values["reward"]) for m in store.list_metrics(session, row.id)] == [(1, 0.3), (2, 0.2)]
    with reading() as session:
        assert (store.latest_round(session) or row).progress == {"stage": "training", "done": 1, "total": 2, "note": "", "seconds_left": None}
