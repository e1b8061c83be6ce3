"""The lease: one worker at a time, and a worker that was replaced writes nothing."""

import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import store
from core.db import unit_of_work
from core.errors import LostLease, Unavailable
from core.settings import settings
from core.tables import Round, utc_now
from tests.workers.house import fetch, until
from workers.lease import Lease, worker_stopping


def take(round_id: str, owner: str = "a worker") -> Lease | None:
    with unit_of_work() as session:
        fence = store.take_lease(session, round_id, owner, settings().lease_seconds)
    return None if fence is None else Lease(round_id, fence)


def lapse(round_id: str) -> None:
    with unit_of_work() as session:
        store.get_round(session, round_id).lease_until = utc_now()


def test_a_second_worker_gets_nothing_while_the_first_one_works(a_round: Round) -> None:
    lease = take(a_round.id)
    assert lease is not None
    with lease:
        assert take(a_round.id) is None
    assert take(a_round.id) is not None, "given back at the end"


def test_a_lease_is_renewed_for_as_long_as_the_work_takes(a_round: Round) -> None:
    lease = take(a_round.id)
    assert lease is not None
    with lease:
        time.sleep(settings().lease_seconds + 1.5)
        lease.check()
        assert take(a_round.id) is None


def test_a_replaced_worker_writes_nothing_and_learns_of_it(a_round: Round) -> None:
    old = take(a_round.id)
    assert old is not None
    with old:
        lapse(a_round.id)
        new = take(a_round.id, "another")
        assert new is not None
        with pytest.raises(LostLease), old.write() as (_, row):
            row.error = "written by the old one"
        until(lambda: old.must_stop, 5)
        with pytest.raises(LostLease):
            old.check()
    row = fetch(a_round.id)
    assert row.error is None
    assert row.lease_owner == "another", "leaving does not give away what is another's"


def test_what_a_stage_writes_last_and_the_end_of_its_lease_are_one_transaction(a_round: Round) -> None:
    lease = take(a_round.id)
    assert lease is not None

    def fail_half_way() -> None:
        with lease.hand_over() as (_, row):
            row.error = "half"
            raise KeyboardInterrupt

    with lease, pytest.raises(KeyboardInterrupt):
        fail_half_way()
    row = fetch(a_round.id)
    assert row.error is None
    assert row.lease_until is not None, "not given back: it lapses"


def test_nobody_renews_after_handing_over(a_round: Round) -> None:
    lease = take(a_round.id)
    assert lease is not None
    with lease:
        with lease.hand_over():
            pass
        time.sleep(settings().lease_seconds / 2)
        assert fetch(a_round.id).lease_until is None


def test_a_cancellation_is_seen_within_two_seconds(a_round: Round) -> None:
    lease = take(a_round.id)
    assert lease is not None
    with lease:
        with unit_of_work() as session:
            store.get_round(session, a_round.id).cancel_requested = True
        until(lambda: lease.cancel_requested, 2)
        assert lease.must_stop


def test_a_worker_that_is_asked_to_end_leaves_the_round_to_the_next(a_round: Round) -> None:
    lease = take(a_round.id)
    assert lease is not None
    with lease:
        worker_stopping.set()
        assert lease.must_stop
        with pytest.raises(Unavailable):
            lease.check()
    row = fetch(a_round.id)
    assert row.lease_until is None
    assert row.attempts == 0, "restarting the house is no failure of the round"


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["take", "lapse", "release", "write"]), max_size=20))
def test_only_the_newest_holder_can_ever_write(a_round: Round, events: list[str]) -> None:
    holders: list[Lease] = []
    for event in events:
        if event == "take":
            if lease := take(a_round.id):
                assert all(lease.fence > other.fence for other in holders)
                holders.append(lease)
        elif event == "lapse":
            lapse(a_round.id)
        elif holders and event == "release":
            with unit_of_work() as session:
                store.release_lease(session, a_round.id, holders[-1].fence)
        for position, holder in enumerate(holders):
            if position == len(holders) - 1:
                with holder.write():
                    pass
            else:
                with pytest.raises(LostLease), holder.write():
                    pass
    lapse(a_round.id)
