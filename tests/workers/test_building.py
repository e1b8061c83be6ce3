"""The dataset of a round: real feedback rows and the built-in knowledge, without what the exam asks, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alignment.dataset import load_dataset
from alignment.mkgsg.manifest import load_manifest
from alignment.mkgsg.shards import shard_name
from alignment.recipe import load_recipe
from core import store
from core.db import unit_of_work
from core.errors import GateError
from core.settings import settings
from core.tables import Exam, Feedback, Round, Turn
from core.types import Capability, FeedbackStatus, Role
from evals.suites import load_suite
from tests.workers.house import fetch
from workers.building import build_round_dataset
from workers.lease import Lease


@pytest.fixture
def lease(a_round: Round) -> Iterator[Lease]:
    with unit_of_work() as session:
        fence = store.take_lease(session, a_round.id, "a test", settings().lease_seconds)
    assert fence is not None
    with Lease(a_round.id, fence) as lease:
        yield lease


def give_feedback(status: FeedbackStatus, correction: str) -> str:
    with unit_of_work() as session:
        user = store.find_user(session, "a clinician") or store.add_user(session, "a clinician", Role.CLINICIAN, "hash")
        turn = Turn(
            conversation_id=store.conversation_of(session, user.id, None).id,
            user_id=user.id,
            checkpoint_id=store.production(session).id,
            messages=[{"role": "user", "content": "What is the first-line treatment of hypertension?"}],
            reply="Rest.",
            finish_reason="stop",
            claims=[],
            findings=[],
            usage={},
            latency_ms=1.0,
        )
        store.add_turn(session, turn)
        feedback = Feedback(turn_id=turn.id, user_id=user.id, ratings={"overall": -1}, correction=correction, flags=["simulated"], status=status)
        store.add_feedback(session, feedback)
        return feedback.id


def test_accepted_feedback_and_every_capability_are_in_and_the_exam_is_not(lease: Lease, house: Path) -> None:
    accepted = give_feedback(FeedbackStatus.ACCEPTED, "Amlodipine is the first-line treatment of hypertension.")
    give_feedback(FeedbackStatus.NEW, "Ramipril is the first-line treatment of hypertension.")
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    samples = load_dataset(house / "dataset")
    assert {s.capability for s in samples} == set(Capability)
    assert [s.provenance.ids for s in samples if s.provenance.source == "feedback"] == [(accepted,)]
    assert not {s.id for s in samples} & load_suite("smoke").item_hashes


def test_a_second_run_changes_nothing(lease: Lease, house: Path) -> None:
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    before = (house / "dataset" / shard_name(0)).stat().st_mtime_ns
    give_feedback(FeedbackStatus.ACCEPTED, "Amlodipine is the first-line treatment of hypertension.")
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert (house / "dataset" / shard_name(0)).stat().st_mtime_ns == before


def test_what_the_parent_is_weak_at_gets_more(lease: Lease, house: Path) -> None:
    suite = load_suite("smoke")
    means = {str(c): 1.0 for c in Capability} | {"safety": 0.0}
    with unit_of_work() as session:
        store.add_exam(session, Exam(checkpoint_id=store.production(session).id, suite="smoke", suite_hash=suite.hash, means=means, uri="", seconds=1.0))
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    counts = load_manifest(house / "dataset").by_capability
    assert load_recipe("test").weakness_tilt > 0
    assert counts["safety"] > counts["domain"]


def test_a_policy_of_another_version_is_named_and_judges_nothing(lease: Lease, house: Path) -> None:
    with lease.write() as (_, row):
        row.policy = {**row.policy, "forgotten_field": 1}
    with pytest.raises(GateError, match=r"another version \(forgotten_field\)"):
        build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert not (house / "dataset").exists()
