"""Windows of time: what is promised of them holds for every order of events, in Redis, between processes, and without Redis."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from redis import Redis

from app.gateway import windows as module
from app.gateway.windows import Windows
from tests.app.gateway.clock import clock
from tests.redis_server import RedisServer

MINUTE = 60
NOBODY = "redis://127.0.0.1:1/0"
THREE = RateLimitItemPerMinute(3, namespace="three")


@given(st.integers(1, 4), st.lists(st.floats(0, 90), min_size=1, max_size=25))
def test_no_minute_admits_more_than_the_limit_and_who_waits_as_told_gets_in(amount: int, pauses: list[float]) -> None:
    limit, admitted = RateLimitItemPerMinute(amount), []
    with clock() as now:
        windows = Windows(NOBODY)
        for pause in pauses:
            now[0] += pause
            standing = windows.take(limit, "ana")
            if not standing.admitted:
                assert standing.remaining == 0
                now[0] += standing.seconds
                assert windows.take(limit, "ana").admitted
            admitted.append(now[0])
            assert sum(now[0] - MINUTE <= at for at in admitted) <= amount


def test_who_was_refused_has_nothing_left_though_a_place_came_free_since(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(NOBODY)
    assert [windows.take(THREE, "ana").admitted for _ in range(3)] == [True] * 3
    limiter = windows._own.moving
    look = limiter.get_window_stats

    def late(*of: Any) -> Any:
        limiter.clear(*of)
        return look(*of)

    monkeypatch.setattr(limiter, "get_window_stats", late)
    refused = windows.take(THREE, "ana")
    assert (refused.remaining, refused.admitted) == (0, False)


@given(st.integers(1, 200), st.lists(st.tuples(st.floats(0, 90), st.integers(1, 150)), min_size=1, max_size=15))
def test_what_was_added_is_used_up_until_the_window_ends_as_told(amount: int, added: list[tuple[float, int]]) -> None:
    limit = RateLimitItemPerMinute(amount)
    with clock() as now:
        windows = Windows(NOBODY)
        began, used = -MINUTE, 0
        for pause, tokens in added:
            now[0] += pause
            if now[0] >= began + MINUTE:
                began, used = now[0], 0
            windows.add(limit, "ana", tokens)
            used += tokens
            standing = windows.standing(limit, "ana")
            assert (standing.remaining, standing.admitted) == (max(0, amount - used), used < amount)
        now[0] += standing.seconds
        assert windows.standing(limit, "ana") == (amount, 0, True)


def test_one_key_does_not_fill_the_window_of_another() -> None:
    windows = Windows(NOBODY)
    assert [windows.take(THREE, key).admitted for key in ("ana", "ana", "ana", "ana", "ben")] == [True, True, True, False, True]
    windows.forget(THREE, "ana")
    assert windows.take(THREE, "ana").remaining == 2


def test_processes_that_ask_all_at_once_admit_no_more_than_the_limit_together(redis: RedisServer) -> None:
    limit, processes = RateLimitItemPerMinute(10), [Windows(redis.url) for _ in range(3)]
    with ThreadPoolExecutor(12) as crowd:
        standings = list(crowd.map(lambda n: processes[n % 3].take(limit, "ana"), range(60)))
    assert sum(s.admitted for s in standings) == 10
    assert sorted(s.remaining for s in standings if s.admitted)[0] == 0


def test_processes_add_to_one_window(redis: RedisServer) -> None:
    first, second = Windows(redis.url), Windows(redis.url)
    first.add(THREE, "ana", 2)
    assert second.standing(THREE, "ana").remaining == 1
    second.add(THREE, "ana", 5)
    assert first.standing(THREE, "ana")[::2] == (0, False)


@pytest.mark.parametrize("limit", [RateLimitItemPerSecond(1, 1), RateLimitItemPerSecond(1, 2)])
def test_by_the_clock_of_redis_too_who_waits_as_told_gets_in(redis: RedisServer, limit: RateLimitItem) -> None:
    windows = Windows(redis.url)
    windows.take(limit, "asked")
    windows.add(limit, "used", 7)
    for standing, again in (
        (windows.take(limit, "asked"), lambda: windows.take(limit, "asked")),
        (windows.standing(limit, "used"), lambda: windows.standing(limit, "used")),
    ):
        assert not standing.admitted
        time.sleep(standing.seconds)
        assert again().admitted


def test_nothing_stays_in_redis_for_ever(redis: RedisServer) -> None:
    windows = Windows(redis.url)
    windows.take(THREE, "ana")
    windows.add(THREE, "ben", 1)
    with Redis.from_url(redis.url) as client:
        lifetimes = {key: client.ttl(key) for key in client.scan_iter()}
    assert len(lifetimes) == 2
    assert all(0 < seconds <= MINUTE for seconds in lifetimes.values())


def test_without_redis_it_counts_in_memory_and_says_so_once(redis: RedisServer, monkeypatch: pytest.MonkeyPatch, logs: Any) -> None:
    monkeypatch.setattr(module, "_AWAY_SECONDS", 0.0)  # so that every count finds out anew
    windows, other = Windows(redis.url), Windows(redis.url)
    assert [windows.take(THREE, "ana").remaining, other.take(THREE, "ana").remaining] == [2, 1]
    redis.kill()
    with ThreadPoolExecutor(8) as crowd:
        assert sum(s.admitted for s in crowd.map(lambda _: windows.take(THREE, "ana"), range(20))) == 3
    assert other.take(THREE, "ana").remaining == 2, "each process counts for itself"
    redis.start()
    assert [windows.take(THREE, "ana").remaining, other.take(THREE, "ana").remaining] == [2, 1]
    said = [event["event"].partition(";")[0] for event in logs()]
    assert sorted(said) == ["Redis answers again"] * 2 + ["Redis does not answer"] * 2, "once for each process"


def test_redis_that_is_away_is_not_asked_each_time(redis: RedisServer) -> None:
    windows = Windows(redis.url)
    redis.kill()
    windows.take(THREE, "ana")
    redis.start()
    windows.take(THREE, "ana")
    with Redis.from_url(redis.url) as client:
        assert client.keys() == []


def test_redis_that_hangs_is_redis_that_is_away(redis: RedisServer) -> None:
    windows = Windows(redis.url)
    windows.take(THREE, "ana")
    redis.hang()
    with ThreadPoolExecutor(8) as crowd:
        assert sum(s.admitted for s in crowd.map(lambda _: windows.take(THREE, "ana"), range(20))) == 3


def test_memory_does_not_grow_with_names_that_somebody_makes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_KEYS_IN_MEMORY", 10)
    windows = Windows(NOBODY)
    for number in range(100):
        windows.take(THREE, f"name {number}")
    assert len(windows._memory.events) <= 11
    assert [windows.take(THREE, "name 99").remaining for _ in range(2)] == [1, 0]
