"""What Prometheus reads: what this process counted, and the state of the house, whoever of its parts is away."""

import socket
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from app.gateway import gauges, metrics
from app.gateway.guard import Guard
from core import jobs, store
from core.db import unit_of_work
from core.settings import settings
from core.states import RoundStatus
from core.tables import utc_now
from core.types import Progress
from tests.app.gateway.ward import Ward
from tests.redis_server import RedisServer

Sample = tuple[str, frozenset[tuple[str, str]]]


class Scrape(dict[Sample, float]):
    def of(self, name: str, **labels: str) -> float | None:
        return self.get((f"balancedbio_{name}", frozenset(labels.items())))

    def since(self, before: "Scrape", name: str, **labels: str) -> float:
        return (self.of(name, **labels) or 0) - (before.of(name, **labels) or 0)


def scraped(ward: Ward) -> Scrape:
    answer = ward.client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return Scrape({(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples})


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is there is not away because this machine is busy; one that is away says so at once."""
    monkeypatch.setattr(gauges, "_TIMEOUT_SECONDS", 60.0)


@pytest.fixture
def own_connections(redis: RedisServer) -> None:
    """This process may have sent to another test's Redis before, and keeps its connections."""
    jobs.celery._pool = jobs.celery.amqp._producer_pool = None


def test_a_turn_is_counted_timed_and_measured_in_tokens(ward: Ward) -> None:
    before = scraped(ward)
    usage = ward.ask("What is the first-line treatment of gout?")["usage"]
    after = scraped(ward)
    assert after.since(before, "turns_total", checkpoint=ward.checkpoint_id, finish_reason="stop") == 1
    for histogram in ("time_to_first_token_seconds", "turn_seconds", "tokens_per_second"):
        assert after.since(before, f"{histogram}_count") == 1
    assert after.since(before, "tokens_total", kind="prompt") == usage["prompt_tokens"]
    assert after.since(before, "tokens_total", kind="completion") == usage["completion_tokens"]
    assert after.since(before, "requests_total", method="POST", route="/v1/chat/completions", status="200") == 1


def test_a_withheld_reply_counts_as_one_with_its_finding_and_has_no_speed(ward: Ward, script: list[str]) -> None:
    script[:] = ["Give amoxicillin 500 mg three times daily. Then review."]
    before = scraped(ward)
    ward.ask("My patient with a penicillin allergy has community-acquired pneumonia. Which antibiotic?")
    after = scraped(ward)
    assert after.since(before, "turns_total", checkpoint=ward.checkpoint_id, finish_reason="withheld") == 1
    assert after.since(before, "findings_total", rule="contraindication", severity="critical") == 1
    assert after.since(before, "turn_seconds_count") == 1
    assert after.since(before, "tokens_per_second_count") == 0


def test_the_first_withheld_reply_is_a_growth_and_not_the_birth_of_a_series(ward: Ward) -> None:
    metrics.turns.clear()
    ward.ask("What is the first-line treatment of gout?")
    assert scraped(ward).of("turns_total", checkpoint=ward.checkpoint_id, finish_reason="withheld") == 0


def test_judgements_are_counted_by_kind(ward: Ward) -> None:
    turn = ward.ask("Gout?")["balancedbio"]["turn_id"]
    before = scraped(ward)
    answer = ward.client.post("/v1/feedback", headers=ward.bearer("ana"), json={"turn_id": turn, "rating": -1, "unsafe": True})
    assert answer.status_code == 201
    after = scraped(ward)
    assert [after.since(before, "feedback_total", kind=kind) for kind in ("up", "down", "unsafe")] == [0, 1, 1]


def test_a_defect_of_ours_is_counted_as_one(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.gateway.chat.open_turns", broken)
    before = scraped(ward)
    body = {"model": "balancedbio", "messages": [{"role": "user", "content": "hi"}]}
    assert ward.client.post("/v1/chat/completions", headers=ward.bearer("ana"), json=body).status_code == 500
    assert scraped(ward).since(before, "requests_total", method="POST", route="/v1/chat/completions", status="500") == 1


def test_a_scrape_says_which_parts_are_away_and_leaves_their_numbers_out(ward: Ward) -> None:
    seen = scraped(ward)
    assert [seen.of("up", part=part) for part in ("database", "redis", "vllm")] == [1, 0, 0]
    assert seen.of("queue_length", queue="train") is None
    assert seen.of("production_checkpoint_info", checkpoint=ward.checkpoint_id) == 1


def test_a_database_that_is_away_fails_no_scrape(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    settings.cache_clear()
    seen = scraped(ward)
    assert seen.of("up", part="database") == 0
    assert seen.of("rounds", status="training") is None


def test_parts_that_take_the_question_and_never_answer_are_away_too(ward: Ward, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges, "_TIMEOUT_SECONDS", 0.5)
    redis.hang()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("VLLM_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        settings.cache_clear()
        seen = scraped(ward)
    assert [seen.of("up", part=part) for part in ("redis", "vllm")] == [0, 0]
    assert seen.of("queue_length", queue="train") is None


@pytest.mark.usefixtures("own_connections")
def test_queues_are_as_long_as_the_messages_that_wait(ward: Ward) -> None:
    for job in (jobs.ROUND_TRAIN, jobs.ROUND_TRAIN, jobs.ROUND_STEP):
        jobs.send(job, "round-1")
    seen = scraped(ward)
    assert seen.of("up", part="redis") == 1
    assert [seen.of("queue_length", queue=queue) for queue in jobs.QUEUES] == [1, 2]


def test_a_running_round_shows_its_stage_its_progress_and_its_lease(ward: Ward) -> None:
    assert scraped(ward).of("rounds", status="training") == 0
    with unit_of_work() as session:
        row = store.add_round(session, {}, {}, "ada")
        row.status, row.lease_until = RoundStatus.TRAINING, utc_now() + timedelta(seconds=1000)
        store.set_progress(session, row.id, Progress(stage="training", done=15, total=60))
    seen = scraped(ward)
    assert seen.of("rounds", status="training") == 1
    assert seen.of("round_progress_ratio", stage="training") == 0.25
    assert 0 < (seen.of("round_lease_remaining_seconds") or 0) <= 1000

    with unit_of_work() as session:
        store.get_round(session, row.id).lease_until = utc_now() - timedelta(seconds=1000)
    assert (scraped(ward).of("round_lease_remaining_seconds") or 0) <= -1000

    with unit_of_work() as session:
        store.set_round_status(session, store.get_round(session, row.id), RoundStatus.HELD)
    seen = scraped(ward)
    assert seen.of("rounds", status="held") == 1
    assert seen.of("round_progress_ratio", stage="held") is None


def test_a_turn_is_in_flight_while_its_reply_is_checked(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    during: list[float | None] = []
    release = Guard.release

    def look(guard: Guard, at_end: bool = False) -> str:
        during.append(REGISTRY.get_sample_value("balancedbio_turns_in_flight"))
        return release(guard, at_end)

    monkeypatch.setattr(Guard, "release", look)
    ward.ask("Gout?")
    assert set(during) == {1}
    assert scraped(ward).of("turns_in_flight") == 0
