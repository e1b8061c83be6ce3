"""The same code on a real PostgreSQL server: migrations, transactions, and the races that SQLite cannot have."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, InternalError

from core import audit, db, jobs, store
from core.errors import Conflict
from core.settings import ROOT, settings
from core.states import CheckpointStatus, FeedbackStatus, Role, RoundStatus
from core.tables import Checkpoint, Conversation, Feedback, Turn
from workers import rounds

pytestmark = pytest.mark.flow


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL's server is not installed here (apt-get install postgresql)")
    return found[-1].parent


def _owner() -> str | None:
    """The server refuses to run as root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    programs, owner = _programs(), _owner()
    folder = Path("/tmp") / f"balancedbio-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if owner:
        shutil.chown(folder, owner)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        subprocess.run(
            [programs / "initdb", "-D", folder / "db", "-U", "bb", "-A", "trust", "--no-sync"], user=owner, cwd="/tmp", check=True, capture_output=True
        )
        command: list[str | Path] = [programs / "postgres", "-D", folder / "db", "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        process = subprocess.Popen(command, user=owner, cwd="/tmp", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"postgresql://bb@127.0.0.1:{port}/postgres"
            _wait_for(url)
            yield url.replace("postgresql://", "postgresql+psycopg://")
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture
def postgres(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", server)
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    db.migrate()
    yield
    db.engine_for(server).dispose()
    settings.cache_clear()


def test_the_schema_migrates_and_a_whole_round_of_rows_can_be_written(postgres: None) -> None:
    db.migrate()  # a second time changes nothing
    with db.unit_of_work() as session:
        user = store.add_user(session, "ana", Role.CLINICIAN, "hash")
        store.ensure_base_checkpoint(session, "starter", "0" * 64)
    with db.reading() as session:
        assert store.get_user(session, "ana").id == user.id
        assert store.production(session).base_model == "starter"


def test_an_exam_from_before_intervals_were_kept_is_carried_over(postgres: None, server: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "core" / "migrations"))
    engine = create_engine(server)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        connection.execute(text("INSERT INTO checkpoints (id, base_model, uri, sha256, status, created_at) VALUES ('old-pg', 'b', '', 's', 'retired', now())"))
        means = """INSERT INTO exams (id, checkpoint_id, suite, suite_hash, means, uri, seconds, created_at)
                   VALUES ('e-pg', 'old-pg', 's', 'h', '{"domain": 0.5}', '', 1.0, now())"""
        connection.execute(text(means))
        connection.commit()
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()
    with db.reading() as session:
        (exam,) = [exam for exam, checkpoint in store.list_exams(session) if checkpoint.id == "old-pg"]
        assert exam.scores == {"domain": {"mean": 0.5, "low": None, "high": None, "items": None}}
        assert store.rounds_decided_by(session, "h", but="round-x") == 0


def test_a_canary_is_found_with_its_turns_and_what_was_said_of_them(postgres: None) -> None:
    with db.unit_of_work() as session:
        user, base = store.add_user(session, "ina", Role.CLINICIAN, "hash"), store.ensure_base_checkpoint(session, "starter", "0" * 64)
        row = store.add_round(session, {}, {}, "ada")
        store.set_round_status(session, row, RoundStatus.CANARY, candidate_id=base.id, canary={"share": 0.1})
        conversation = Conversation(user_id=user.id, canary_round_id=row.id)
        session.add(conversation)
        session.flush()
        turn = Turn(
            conversation_id=conversation.id, user_id=user.id, checkpoint_id=base.id, messages=[], reply="", finish_reason="stop", claims=[],
            findings=[{"rule": "overdose"}], usage={}, latency_ms=1.0,
        )  # fmt: skip
        store.add_turn(session, turn)
        store.add_feedback(session, Feedback(turn_id=turn.id, user_id=user.id, ratings={"overall": -1}, flags=["unsafe"]))
    with db.reading() as session:
        found = store.open_canary(session)
        assert found is not None
        ((said,), (judged,)) = store.canary_turns(session, found.id), store.canary_judgements(session, found.id)
        assert (found.canary, said.turn_id, said.findings, said.began_at <= said.at) == ({"share": 0.1}, turn.id, [{"rule": "overdose"}], True)
        assert (judged.turn_id, judged.ratings, judged.flags) == (turn.id, {"overall": -1}, ["unsafe"])
    with db.unit_of_work() as session:
        store.set_round_status(session, store.get_round(session, row.id), RoundStatus.HELD)
        assert store.open_canary(session) is None
        session.delete(store.get_round(session, row.id))  # the next test counts rounds


def test_twenty_writers_at_once_leave_an_unbroken_audit_chain(postgres: None) -> None:
    def write(n: int) -> None:
        with db.unit_of_work() as session:
            audit.record(session, "tester", "tried", str(n))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(20)))
    with db.reading() as session:
        assert audit.first_broken(session) is None
        assert {e.subject for e in audit.newest(session, 20)} == {str(n) for n in range(20)}


def test_of_many_rounds_started_at_once_one_begins(postgres: None) -> None:
    with db.unit_of_work() as session:
        store.ensure_base_checkpoint(session, "starter", "0" * 64)

    def start(_: int) -> bool:
        try:
            with db.unit_of_work() as session:
                store.add_round(session, {}, {}, "tester")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1
    with db.reading() as session:
        (row,) = store.list_rounds(session)

    def take(_: int) -> int | None:
        with db.unit_of_work() as session:
            return store.take_lease(session, row.id, "worker", 30)

    with ThreadPoolExecutor(8) as pool:
        assert [f for f in pool.map(take, range(8)) if f is not None] == [1]


def test_a_round_that_is_handed_over_at_this_moment_is_not_taken_by_the_job_of_its_last_stage(postgres: None) -> None:
    with db.unit_of_work() as session:
        store.ensure_base_checkpoint(session, "starter", "0" * 64)
        row = next(iter(store.list_rounds(session)), None) or store.add_round(session, {}, {}, "tester")
        store.set_round_status(session, row, RoundStatus.TRAINING, lease_until=None, finished_at=None)
    with ThreadPoolExecutor(1) as pool:
        with db.unit_of_work() as handing_over:
            store.set_round_status(handing_over, store.locked_round(handing_over, row.id), RoundStatus.AWAITING_SIGNOFF)
            handing_over.flush()
            taken = pool.submit(rounds.take, jobs.ROUND_TRAIN, row.id)
            time.sleep(0.5)  # until it waits for this transaction
            assert not taken.done()
        assert taken.result(30) is None
    with db.unit_of_work() as session:
        session.delete(store.get_round(session, row.id))


def test_a_look_is_a_snapshot_that_cannot_write(postgres: None) -> None:
    with db.reading() as session:
        before = {u.name for u in store.list_users(session)}
        with db.unit_of_work() as writing:
            store.add_user(writing, "bea", Role.CLINICIAN, "hash")
        assert {u.name for u in store.list_users(session)} == before
    with db.reading() as session, pytest.raises(InternalError, match="read-only"):
        store.add_user(session, "cem", Role.CLINICIAN, "hash")


def test_of_many_flips_at_once_one_checkpoint_is_left_in_production(postgres: None) -> None:
    with db.unit_of_work() as session:
        parent = store.ensure_base_checkpoint(session, "starter", "0" * 64).id
        for n in range(6):
            status = CheckpointStatus.CANDIDATE
            store.add_candidate(session, Checkpoint(id=f"cp-{n}", parent_id=parent, base_model="starter", uri=f"/cp-{n}", sha256=str(n), status=status))

    def flip(n: int) -> None:
        with db.unit_of_work() as session:
            store.production(session)
            store.set_production(session, f"cp-{n % 6}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(flip, range(24)))
    with db.reading() as session:
        statuses = [c.status for c in store.list_checkpoints(session) if c.id.startswith("cp-")]
    assert sorted(statuses) == [CheckpointStatus.PRODUCTION, *[CheckpointStatus.RETIRED] * 5]


def test_feedback_is_reviewed_or_claimed_never_both(postgres: None) -> None:
    with db.unit_of_work() as session:
        checkpoint = store.ensure_base_checkpoint(session, "starter", "0" * 64).id
        user = store.add_user(session, "dan", Role.REVIEWER, "hash")
        conversation = Conversation(user_id=user.id)
        session.add(conversation)
        session.flush()
        turn = Turn(
            conversation_id=conversation.id, user_id=user.id, checkpoint_id=checkpoint,
            messages=[], reply="", finish_reason="stop", claims=[], findings=[], usage={}, latency_ms=1.0,
        )  # fmt: skip
        store.add_turn(session, turn)
        feedback = Feedback(turn_id=turn.id, user_id=user.id, ratings={}, flags=[], status=FeedbackStatus.ACCEPTED)
        store.add_feedback(session, feedback)
        round_id = (store.latest_round(session) or store.add_round(session, {}, {}, "tester")).id

    def reject() -> None:
        with db.unit_of_work() as session:
            store.review_feedback(session, feedback.id, user.id, FeedbackStatus.REJECTED)

    with ThreadPoolExecutor(1) as pool, db.unit_of_work() as claiming:
        store.claim_feedback(claiming, round_id)
        rejected = pool.submit(reject)
        time.sleep(0.5)  # the reviewer waits for the round's claim
        claiming.commit()
        with pytest.raises(Conflict):
            rejected.result(30)


def test_what_it_refuses_is_not_repeated_in_the_error(postgres: None) -> None:
    with pytest.raises(DataError) as raised, db.reading() as session:
        store.find_user(session, "what-was-typed\x00")
    assert "NUL" in str(raised.value)
    assert "what-was-typed" not in str(raised.value)
