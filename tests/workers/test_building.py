"""The dataset of a round: real feedback rows and the built-in knowledge, without what the exam asks, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alignment.dataset import load_dataset
from alignment.mkgsg.endpoint import Endpoint
from alignment.mkgsg.manifest import load_manifest
from alignment.mkgsg.shards import shard_name
from alignment.recipe import load_recipe
from alignment.rewards.judgements import read_judgements
from core import store
from core.db import unit_of_work
from core.errors import GateError, LostLease, Unavailable
from core.settings import settings
from core.states import FeedbackStatus, Role
from core.tables import Conversation, Exam, Feedback, Round, Turn
from core.types import Capability
from evals.suites import Suite, load_suite
from tests.scripted_endpoint import Scripted, serving
from tests.workers.house import fetch
from workers.building import build_round_dataset, contamination
from workers.lease import Lease
from workers.serving import adapters


@pytest.fixture
def lease(a_round: Round) -> Iterator[Lease]:
    with unit_of_work() as session:
        fence = store.take_lease(session, a_round.id, "a test", settings().lease_seconds)
    assert fence is not None
    with Lease(a_round.id, fence) as lease:
        yield lease


def give_feedback(status: FeedbackStatus, correction: str | None, reply: str = "Rest.", rating: int = -1, finish_reason: str = "stop") -> str:
    with unit_of_work() as session:
        user = store.find_user(session, "a clinician") or store.add_user(session, "a clinician", Role.CLINICIAN, "hash")
        conversation = Conversation(user_id=user.id)
        session.add(conversation)
        session.flush()
        turn = Turn(
            conversation_id=conversation.id,
            user_id=user.id,
            checkpoint_id=store.production(session).id,
            messages=[{"role": "user", "content": "What is the first-line treatment of hypertension?"}],
            reply=reply,
            finish_reason=finish_reason,
            claims=[],
            findings=[],
            usage={},
            latency_ms=1.0,
        )
        store.add_turn(session, turn)
        feedback = Feedback(turn_id=turn.id, user_id=user.id, ratings={"overall": rating}, correction=correction, flags=["simulated"], status=status)
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


def test_an_exam_that_has_changed_since_the_dataset_was_made_is_noticed(lease: Lease, house: Path) -> None:
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    smoke = load_suite("smoke")
    assert not contamination(house / "dataset", smoke).exam_changed
    first, *others = smoke.items
    for changed in ((), (first.model_copy(update={"cluster": "another"}),), (first.model_copy(update={"reply_tokens": 1}),)):
        assert contamination(house / "dataset", Suite(smoke.name, (*changed, *others))).exam_changed


def test_a_second_run_changes_nothing(lease: Lease, house: Path) -> None:
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    before = (house / "dataset" / shard_name(0)).stat().st_mtime_ns
    give_feedback(FeedbackStatus.ACCEPTED, "Amlodipine is the first-line treatment of hypertension.")
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert (house / "dataset" / shard_name(0)).stat().st_mtime_ns == before


def test_what_clinicians_prefer_is_in_the_data_of_a_round_with_a_preference_model(lease: Lease, house: Path) -> None:
    with lease.write() as (session, row):
        row.recipe = {**row.recipe, "preference": True}
    earlier = give_feedback(FeedbackStatus.ACCEPTED, None, "Amlodipine.", rating=1)
    with unit_of_work() as session:
        feedback = session.get(Feedback, earlier)
        assert feedback is not None
        feedback.round_id = lease.round_id  # what a round has learnt from stays a judgement
    later = give_feedback(FeedbackStatus.ACCEPTED, None)
    give_feedback(FeedbackStatus.NEW, None, "Go home.")
    give_feedback(FeedbackStatus.ACCEPTED, None, "Never shown.", finish_reason="withheld")
    build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    (pair,) = read_judgements(house / "dataset")
    assert (pair.chosen, pair.rejected, set(pair.feedback), pair.simulated) == ("Amlodipine.", "Rest.", {earlier, later}, True)
    assert load_manifest(house / "dataset").dropped["judgement_without_answer"] == 1


def test_what_the_parent_is_weak_at_gets_more(lease: Lease, house: Path) -> None:
    suite = load_suite("smoke")
    means = {str(c): 1.0 for c in Capability} | {"safety": 0.0}
    with unit_of_work() as session:
        store.add_exam(
            session,
            Exam(
                checkpoint_id=store.production(session).id,
                suite="smoke",
                suite_hash=suite.hash,
                scores={c: {"mean": m} for c, m in means.items()},
                uri="",
                seconds=1.0,
            ),
        )
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


@pytest.fixture
def tried(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A recipe that asks the production checkpoint, and a scripted one behind vLLM's address."""
    with lease.write() as (_, row):
        row.recipe = {**row.recipe, "curation_tries": 2, "families": ["dose", "harmful"]}
    with serving(lambda messages, number: "hang") as script:
        monkeypatch.setenv("VLLM_URL", script.url)
        settings.cache_clear()
        monkeypatch.setattr(adapters, "load", lambda checkpoint: None)
        yield script
    settings.cache_clear()


def test_the_production_checkpoint_tries_the_items(tried: Scripted, lease: Lease, house: Path) -> None:
    tried.answer = lambda messages, number: "The usual adult dose is 5 mg." if number % 2 else "I cannot help with that. Call emergency services."
    assert build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert {r["model"] for r in tried.requests} == {fetch(lease.round_id).parent_id}
    manifest = load_manifest(house / "dataset")
    assert manifest.dropped["unanswered"] > 0
    assert manifest.by_source["anchor"] == 2, "one for each capability of the recipe; anchors are not tried"


def test_a_cancellation_while_the_model_is_asked_leaves_no_dataset(tried: Scripted, lease: Lease, house: Path) -> None:
    with lease.write() as (_, row):
        row.cancel_requested = True
    assert not build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert not (house / "dataset").exists()


def test_a_lost_lease_ends_the_asking(tried: Scripted, lease: Lease, house: Path) -> None:
    lease._lost = True
    with pytest.raises(LostLease):
        build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert not (house / "dataset").exists()
    lease._lost = False


def test_a_model_that_stays_away_leaves_the_round_for_later(tried: Scripted, lease: Lease, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried.answer = lambda messages, number: 503
    monkeypatch.setattr(Endpoint, "rest", lambda self, seconds: None)
    with pytest.raises(Unavailable, match="stayed away"):
        build_round_dataset(lease, fetch(lease.round_id), house / "dataset")
    assert not (house / "dataset").exists()
