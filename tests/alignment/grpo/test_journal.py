import pytest

from alignment.grpo.journal import Journal
from core import store
from core.db import reading, unit_of_work
from core.tables import Checkpoint, Round
from core.types import CheckpointStatus


@pytest.fixture
def round_id(database):
    with unit_of_work() as session:
        session.add(Checkpoint(id="base-1", base_model="tiny", uri="", sha256="0" * 64, status=CheckpointStatus.PRODUCTION))
        session.flush()
        session.add(Round(id="round-1", recipe={}, policy={}, parent_id="base-1", requested_by="test"))
    return "round-1"


def progress_of(round_id):
    with reading() as session:
        return store.get_round(session, round_id).progress


def test_each_step_is_a_row_and_moves_the_progress(round_id, tmp_path):
    journal = Journal(round_id, steps=4, first_step=0, folder=tmp_path)
    journal.step(1, {"seconds": 2.0, "reward": 0.5, "rewards": {"domain": 0.5}})
    journal.step(2, {"seconds": 2.0, "reward": None})
    journal.close()
    with reading() as session:
        rows = [(m.step, m.values) for m in store.list_metrics(session, round_id)]
    assert rows[0] == (1, {"seconds": 2.0, "reward": 0.5, "rewards": {"domain": 0.5}, "seconds_left": 6.0})
    assert [step for step, _ in rows] == [1, 2]
    assert progress_of(round_id) == {"stage": "training", "done": 2, "total": 4, "note": "no reply could be scored", "seconds_left": 4.0}
    assert any(tmp_path.iterdir())


def test_a_resumed_run_begins_where_it_was(round_id, tmp_path):
    Journal(round_id, steps=4, first_step=3, folder=tmp_path).close()
    assert progress_of(round_id)["done"] == 3
    assert "after step 3" in progress_of(round_id)["note"]


def test_a_database_that_is_away_does_not_stop_training(test_settings, tmp_path):
    journal = Journal("round-1", steps=4, first_step=0, folder=tmp_path)  # there are no tables
    journal.step(1, {"seconds": 1.0, "reward": 0.1})
    journal.close()
