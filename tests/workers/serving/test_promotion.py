"""What may come into production, in which order that happens, and what stays when something goes wrong."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import audit, jobs, store
from core.artifacts import new_artifact, verify_artifact
from core.db import reading, unit_of_work
from core.errors import ArtifactError, Conflict, NotFound, Unavailable
from core.fingerprint import FILE, TOLERANCE, Fingerprint
from core.settings import settings
from core.states import CheckpointStatus, RoundStatus
from core.tables import AuditEvent, Checkpoint, Round, utc_now
from tests.app.test_cli.standin_api import serving
from tests.workers.house import free_port
from tests.workers.standin_vllm import LOG_PROBABILITY
from workers import beat
from workers.celery_app import checkpoint_serve
from workers.serving import adapters, promotion
from workers.serving import vllm as serving_file
from workers.serving.promotion import promote

Vllm = Callable[..., Any]


@pytest.fixture
def two(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses for two replicas."""
    monkeypatch.setenv("VLLM_URL", f"http://127.0.0.1:{free_port()}/v1,http://127.0.0.1:{free_port()}/v1")
    settings.cache_clear()


def checkpoint(name: str, status: CheckpointStatus, round_id: str | None = None, parent: str | None = None, log_probability: float | None = None) -> Checkpoint:
    """With `log_probability`, it has the fingerprint of a model that gives it to every token."""
    folder = settings().data_dir / "checkpoints" / name
    with new_artifact(folder) as draft:
        (draft / "adapter_config.json").write_text("{}")
        if log_probability is not None:
            made = Fingerprint(prompt=(1, 2), continuation=(3, 4, 5), log_probabilities=(log_probability,) * 3)
            (draft / FILE).write_text(made.model_dump_json())
    with unit_of_work() as session:
        row = Checkpoint(
            id=name,
            parent_id=parent or store.production(session).id,
            base_model=settings().base_model,
            uri=str(folder),
            sha256=verify_artifact(folder),
            status=status,
            round_id=round_id,
            promoted_at=utc_now() if status == CheckpointStatus.RETIRED else None,
        )
        return store.add_candidate(session, row)


def production() -> str:
    with reading() as session:
        return store.production(session).id


def actions() -> list[str]:
    with reading() as session:
        assert audit.first_broken(session) is None
        return [e.action for e in session.query(AuditEvent).order_by(AuditEvent.seq)]


def test_a_roll_back_flips_the_alias_once_and_keeps_the_old_one_loaded(house: Path, vllm: Vllm) -> None:
    vllm()
    base = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED)
    promote("cp-1", "an admin")
    promote("cp-1", "an admin")
    assert production() == "cp-1"
    assert actions() == ["checkpoint.promoted"]
    promote(base, "an admin")
    assert production() == base
    assert adapters.served() >= {"cp-1", base}, "replies that run on it end as they began, and going forth again is instant"


def test_a_proxy_of_the_environment_does_not_stand_before_vllm(house: Path, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert adapters.is_healthy()
    assert production() in adapters.served()


def test_something_else_in_the_place_of_vllm_is_named(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"GET /v1/models": (401, {"detail": "who are you"})}) as port:
        monkeypatch.setenv("VLLM_URL", f"http://127.0.0.1:{port}/v1")
        settings.cache_clear()
        with pytest.raises(Unavailable, match="not vLLM"):
            adapters.served()


def test_production_is_loaded_again_where_vllm_lost_it(house: Path, vllm: Vllm) -> None:
    vllm()
    checkpoint("cp-1", CheckpointStatus.RETIRED)
    promote("cp-1", "an admin")
    adapters.unload("cp-1")
    assert "cp-1" not in adapters.served()
    beat.watch()
    assert "cp-1" in adapters.served()


def test_adapters_beyond_those_kept_are_unloaded(house: Path, vllm: Vllm) -> None:
    vllm()
    base = production()
    for name in ("cp-1", "cp-2", "cp-3", "cp-4"):
        checkpoint(name, CheckpointStatus.RETIRED, parent=base)
        promote(name, "an admin")
    assert adapters.served() == {base, "cp-4", "cp-3", "cp-2"}


@pytest.mark.parametrize(
    ("status", "decision", "signed_off_by", "ended", "reason"),
    [
        (CheckpointStatus.REJECTED, "reject", None, True, "was rejected"),
        (CheckpointStatus.CANDIDATE, None, None, False, "has not been examined"),
        (CheckpointStatus.CANDIDATE, "hold", "an admin", True, "gate decided hold"),
        (CheckpointStatus.CANDIDATE, "promote", None, False, "nobody has signed off"),
        (CheckpointStatus.CANDIDATE, "promote", "an admin", True, "round ended"),
    ],
)
def test_what_was_not_shown_and_signed_never_comes_into_production(
    a_round: Round, vllm: Vllm, status: CheckpointStatus, decision: str | None, signed_off_by: str | None, ended: bool, reason: str
) -> None:
    vllm()
    before = production()
    checkpoint("cp-1", status, a_round.id)
    with unit_of_work() as session:
        row = store.get_round(session, a_round.id)
        row.decision, row.signed_off_by = ({"outcome": decision} if decision else None), signed_off_by
        if ended:
            row.status, row.finished_at = RoundStatus.HELD, utc_now()
    with pytest.raises(Conflict, match=reason):
        promote("cp-1", "an admin")
    assert production() == before
    assert "cp-1" not in adapters.served()


def test_a_checkpoint_of_another_base_model_is_refused(house: Path, vllm: Vllm) -> None:
    old = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED)
    with unit_of_work() as session:
        store.ensure_base_checkpoint(session, "another", "1" * 64)
    for name in ("cp-1", old):
        with pytest.raises(Conflict, match="base model"):
            promote(name, "an admin")


def test_changed_files_are_refused(house: Path, vllm: Vllm) -> None:
    vllm()
    before = production()
    row = checkpoint("cp-1", CheckpointStatus.RETIRED)
    (Path(row.uri) / "adapter_config.json").write_text('{"r": 1}')
    with pytest.raises(ArtifactError):
        promote("cp-1", "an admin")
    assert production() == before


@pytest.mark.parametrize("replicas", ["house", "two"])
def test_nothing_changes_while_every_vllm_is_away(replicas: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    request.getfixturevalue(replicas)
    monkeypatch.setattr(promotion, "PATIENCE_SECONDS", 0.5)
    before = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED)
    with pytest.raises(Unavailable):
        promote("cp-1", "an admin")
    assert production() == before


def test_a_checkpoint_that_cannot_answer_is_not_promoted(house: Path, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()
    before = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED)
    monkeypatch.setattr(serving_file.Vllm, "load", lambda *_: None)
    with pytest.raises(ArtifactError, match="does not answer"):
        promote("cp-1", "an admin")
    assert production() == before


def test_a_checkpoint_that_answers_as_it_was_trained_is_promoted(house: Path, vllm: Vllm) -> None:
    vllm()
    checkpoint("cp-1", CheckpointStatus.RETIRED, log_probability=LOG_PROBABILITY + TOLERANCE / 2)
    promote("cp-1", "an admin")
    assert production() == "cp-1"


@pytest.mark.parametrize("log_probability", [LOG_PROBABILITY - 2 * TOLERANCE, LOG_PROBABILITY + 2 * TOLERANCE])
def test_weights_that_load_but_are_not_those_that_were_trained_never_serve(house: Path, vllm: Vllm, log_probability: float) -> None:
    vllm()
    before = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED, log_probability=log_probability)
    with pytest.raises(ArtifactError, match="does not compute what was trained"):
        promote("cp-1", "an admin")
    assert production() == before
    assert "cp-1" not in adapters.served(), "nor may anybody ask it by its name"


def test_a_fingerprint_that_cannot_be_read_is_no_fingerprint_that_passed(house: Path, vllm: Vllm) -> None:
    vllm()
    before = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED, log_probability=float("nan"))
    with pytest.raises(ArtifactError):
        promote("cp-1", "an admin")
    assert production() == before


def test_an_adapter_that_could_not_be_probed_is_not_left_loaded(house: Path, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(serving_file.Vllm, "probe", away)
    with pytest.raises(Unavailable):
        adapters.load(checkpoint("cp-1", CheckpointStatus.RETIRED))
    assert "cp-1" not in adapters.served()


def test_two_that_load_one_checkpoint_at_once_do_not_unload_each_others_trial(house: Path, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()
    row = checkpoint("cp-1", CheckpointStatus.RETIRED)
    both_loaded, one_is_done = threading.Barrier(2), threading.Event()
    probe, unload = serving_file.Vllm.probe, serving_file.Vllm.unload
    refused = []

    def probe_late(self: serving_file.Vllm, of: Checkpoint, name: str = "") -> None:
        if both_loaded.wait(30):
            one_is_done.wait(30)
        probe(self, of, name)

    def unload_and_say_so(self: serving_file.Vllm, name: str) -> None:
        unload(self, name)
        one_is_done.set()

    def load() -> None:
        try:
            adapters.load(row)
        except ArtifactError as error:
            refused.append(error)

    monkeypatch.setattr(serving_file.Vllm, "probe", probe_late)
    monkeypatch.setattr(serving_file.Vllm, "unload", unload_and_say_so)
    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    assert adapters.served() == {production(), "cp-1"}


def test_a_trial_that_a_killed_worker_left_is_unloaded_and_one_that_goes_on_is_not(house: Path, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()
    row = checkpoint("cp-1", CheckpointStatus.RETIRED)
    replica = adapters.replicas()[0]
    now, began = serving_file._trial_name("cp-1"), time.time()
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: began - 2 * 3600)
        old = serving_file._trial_name("cp-1")
    for name in (now, old):
        replica._load(name, row)
    promotion.unload_unservable()
    assert adapters.served() == {production(), now}


def test_a_promotion_reaches_every_replica(two: None, vllm: Vllm) -> None:
    vllm()
    vllm(name="vllm-2")
    base = production()
    for name in ("cp-1", "cp-2", "cp-3", "cp-4"):
        checkpoint(name, CheckpointStatus.RETIRED, parent=base)
        promote(name, "an admin")
    assert [replica.served() for replica in adapters.replicas()] == [{base, "cp-4", "cp-3", "cp-2"}] * 2, "loaded on both, and unloaded on both"


def test_a_replica_that_is_away_is_loaded_when_it_comes_back(two: None, vllm: Vllm) -> None:
    vllm(name="vllm-2")
    checkpoint("cp-1", CheckpointStatus.RETIRED)
    promote("cp-1", "an admin")
    assert production() == "cp-1"
    vllm()
    beat.watch()
    assert all("cp-1" in replica.served() for replica in adapters.replicas())


def test_one_replica_that_computes_something_else_stops_a_promotion(two: None, vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm()
    vllm(name="vllm-2")
    before = production()
    checkpoint("cp-1", CheckpointStatus.RETIRED, log_probability=LOG_PROBABILITY)
    honest = serving_file.Vllm.log_probabilities
    monkeypatch.setattr(serving_file.Vllm, "log_probabilities", lambda self, *asked: (0.0,) * 3 if self.name == "vllm-2" else honest(self, *asked))
    with pytest.raises(ArtifactError, match=r"^vllm-2 loads checkpoint cp-1 but"):
        promote("cp-1", "an admin")
    assert production() == before


def test_an_unknown_checkpoint_is_not_found(house: Path) -> None:
    with pytest.raises(NotFound):
        promote("cp-nothing", "an admin")


def test_a_refused_wish_is_on_record(house: Path) -> None:
    checkpoint("cp-1", CheckpointStatus.REJECTED)
    checkpoint_serve("cp-1")
    assert actions() == ["checkpoint.not_promoted"]


def test_a_wish_to_serve_is_taken_from_the_queue_at_once() -> None:
    assert checkpoint_serve.name == jobs.CHECKPOINT_SERVE
    assert checkpoint_serve.acks_late is False


def test_two_flips_at_once_leave_one_in_production(house: Path, vllm: Vllm) -> None:
    vllm()
    base = production()
    for name in ("cp-1", "cp-2"):
        checkpoint(name, CheckpointStatus.RETIRED, parent=base)

    def flip(name: str) -> None:
        with unit_of_work() as session:
            promotion.flip(session, name, "an admin")

    threads = [threading.Thread(target=flip, args=(name,)) for name in ("cp-1", "cp-2") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading() as session:
        in_production = [c.id for c in store.list_checkpoints(session) if c.status == CheckpointStatus.PRODUCTION]
    assert len(in_production) == 1
    assert actions()
