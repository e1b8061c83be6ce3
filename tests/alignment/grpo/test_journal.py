import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from alignment.grpo.journal import Journal
from core import store
from core.db import reading, unit_of_work
from core.states import CheckpointStatus
from core.tables import Checkpoint, Round


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


def test_a_step_that_teaches_nothing_says_so(round_id, tmp_path):
    journal = Journal(round_id, steps=4, first_step=0, folder=tmp_path)
    journal.step(1, {"seconds": 1.0, "reward": 0.5, "zero_variance": 1.0})
    assert progress_of(round_id)["note"].startswith("reward 0.500, nothing to learn from")
    journal.step(2, {"seconds": 1.0, "reward": 0.5, "zero_variance": 0.9})
    assert progress_of(round_id)["note"] == "reward 0.500"
    journal.close()


def test_tensorboard_gets_every_number_the_cosines_of_pairs_among_them(round_id, tmp_path):
    journal = Journal(round_id, steps=4, first_step=0, folder=tmp_path)
    matrix = {"objectives": ["domain", "safety"], "cosines": [[1.0, -0.25], [-0.25, None]], "ceiling": [0.5, None]}
    journal.step(1, {"seconds": 1.0, "reward": 0.5, "components": {"safety": {"format": 0.75}}, **matrix})
    journal.close()
    curves = EventAccumulator(str(tmp_path)).Reload()
    found = {name: curves.Scalars(name)[0].value for name in curves.Tags()["scalars"]}
    assert found == {"seconds": 1.0, "reward": 0.5, "components/safety/format": 0.75, "cosines/safety~domain": -0.25, "ceiling/domain": 0.5}
