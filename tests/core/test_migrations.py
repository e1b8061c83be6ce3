"""The schema that migrations make is the one that `core.tables` describes, and an old database is brought to it without loss."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, select, text

from core import db, store
from core.settings import ROOT
from core.states import Role
from core.tables import Conversation, Exam, Table, Turn
from core.types import CapabilityScore


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def _run(connection: Connection, step: str, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "core" / "migrations"))
    config.attributes["connection"] = connection
    getattr(command, step)(config, target)
    connection.commit()


def test_migrations_and_tables_do_not_drift_apart(connection: Connection) -> None:
    _run(connection, "upgrade", "head")
    assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Table.metadata) == []


def test_every_migration_can_be_undone(connection: Connection) -> None:
    _run(connection, "upgrade", "head")
    _run(connection, "downgrade", "base")
    assert inspect(connection).get_table_names() == ["alembic_version"]


def test_at_most_one_checkpoint_is_in_production_whatever_the_code_believes(connection: Connection) -> None:
    _run(connection, "upgrade", "head")
    insert = "INSERT INTO checkpoints (id, base_model, uri, sha256, status, created_at) VALUES (:id, 'b', '', 's', :status, '2026-01-01')"
    for checkpoint, status in (("a", "production"), ("b", "retired"), ("c", "retired")):
        connection.execute(text(insert), {"id": checkpoint, "status": status})
    with pytest.raises(Exception, match="UNIQUE constraint"):
        connection.execute(text(insert), {"id": "d", "status": "production"})


@pytest.mark.usefixtures("test_settings")
def test_migrating_again_changes_nothing_and_keeps_the_rows() -> None:
    db.migrate()
    with db.unit_of_work() as session:
        store.add_user(session, "ada", Role.ADMIN, "hash")
    db.migrate()
    with db.reading() as session:
        assert [u.name for u in store.list_users(session)] == ["ada"]


def test_turns_from_before_there_was_evidence_have_none(connection: Connection) -> None:
    _run(connection, "upgrade", "0001")
    columns = "id, conversation_id, user_id, checkpoint_id, messages, reply, finish_reason, claims, findings, usage, latency_ms, created_at"
    values = "'turn', 'conv', 'ada', 'base', '[]', 'Rest.', 'stop', '[]', '[]', '{}', 1.0, '2026-01-01 00:00:00'"
    connection.execute(text(f"INSERT INTO turns ({columns}) VALUES ({values})"))
    connection.execute(
        text("INSERT INTO feedback (id, turn_id, user_id, ratings, flags, status, created_at) VALUES ('f', 'turn', 'ada', '{}', '[]', 'new', '2026-01-01')")
    )
    connection.commit()
    connection.execute(text("PRAGMA foreign_keys=ON"))  # as the product opens it; feedback must not lose its turn
    assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    _run(connection, "upgrade", "head")
    assert [(t.reply, t.evidence) for t in connection.execute(select(Turn.reply, Turn.evidence))] == [("Rest.", [])]
    _run(connection, "downgrade", "0001")
    assert connection.execute(text("SELECT reply FROM turns")).all() == [("Rest.",)]


def test_exams_from_before_intervals_were_kept_are_shown_without_and_can_go_back(connection: Connection) -> None:
    _run(connection, "upgrade", "0002")
    insert = "INSERT INTO exams (id, checkpoint_id, suite, suite_hash, means, uri, seconds, created_at) VALUES"
    connection.execute(text(insert + """ ('e', 'base', 's', 'h', '{"domain": 0.5, "safety": 1.0}', '', 1.0, '2026-01-01 00:00:00')"""))
    _run(connection, "upgrade", "head")
    (scores,) = connection.execute(select(Exam.scores)).scalars()
    assert {c: CapabilityScore.model_validate(s) for c, s in scores.items()} == {"domain": CapabilityScore(mean=0.5), "safety": CapabilityScore(mean=1.0)}
    _run(connection, "downgrade", "0002")
    assert json.loads(connection.execute(text("SELECT means FROM exams")).scalar_one()) == {"domain": 0.5, "safety": 1.0}


def test_conversations_from_before_there_were_canaries_are_in_none(connection: Connection) -> None:
    _run(connection, "upgrade", "0003")
    connection.execute(text("INSERT INTO conversations (id, user_id, created_at) VALUES ('conv', 'ada', '2026-01-01 00:00:00')"))
    connection.commit()
    _run(connection, "upgrade", "head")
    assert connection.execute(select(Conversation.id, Conversation.canary_round_id)).all() == [("conv", None)]
    _run(connection, "downgrade", "0003")
    assert connection.execute(text("SELECT id FROM conversations")).all() == [("conv",)]
