"""The right to work on a round: a row in the database, with a number that grows whenever the right changes hands.

A message only says "look at this round". Whoever takes the lease works; a thread renews it and watches for a cancellation; every write
asks whether the number is still the newest. A worker that was frozen, cut off or slow finds itself replaced at its next write, at the
latest, and nothing is done twice.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from uuid import uuid4

from sqlalchemy.orm import Session

from core import store
from core.db import reading, unit_of_work
from core.errors import LostLease, NotFound, Unavailable
from core.logging import get_logger
from core.settings import settings
from core.tables import Round

_LOOK_SECONDS = 1.0
_RENEWALS_PER_LEASE = 3

log = get_logger("lease")

worker_stopping = threading.Event()
"""Set when this process was asked to end: long stages give their lease back and are resumed by the next worker."""


def owner_name() -> str:
    """Names this process in the database; the random part tells two lives of one process id apart."""
    return f"{os.uname().nodename}:{os.getpid()}:{uuid4().hex[:6]}"


class Lease:
    """Use as a context: renewed inside, given back at the end unless `hand_over` did so already or it was lost."""

    def __init__(self, round_id: str, fence: int) -> None:
        self.round_id = round_id
        self.fence = fence
        self.cancel_requested = False
        self._lost = False
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._keep, name=f"lease-{round_id}", daemon=True)

    def __enter__(self) -> Self:
        self._renewer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._stop_renewing() and not self._lost:
            try:
                with self.write() as (session, row):
                    if worker_stopping.is_set():
                        row.attempts = max(0, row.attempts - 1)  # a restart of the house says nothing about the round
                    store.release_lease(session, self.round_id, self.fence)
            except (LostLease, Unavailable) as failure:
                log.warning("lease not given back; it lapses by itself", round=self.round_id, reason=str(failure))

    def check(self) -> None:
        """Raises LostLease when another worker has taken over, Unavailable when this worker is to end: stop at once, write nothing."""
        if self._lost:
            raise LostLease(f"Round {self.round_id} was taken over")
        if worker_stopping.is_set():
            raise Unavailable("This worker is stopping; the next one goes on")

    @property
    def must_stop(self) -> bool:
        """Whether to leave off: lost, cancelled or asked to end. `check` and `cancel_requested` say which."""
        return self._lost or self.cancel_requested or worker_stopping.is_set()

    @contextmanager
    def write(self) -> Iterator[tuple[Session, Round]]:
        """A transaction on the round. Raises LostLease, and writes nothing, when another worker has taken over."""
        with unit_of_work() as session:
            yield session, store.fenced_round(session, self.round_id, self.fence)

    @contextmanager
    def hand_over(self) -> Iterator[tuple[Session, Round]]:
        """The stage's last transaction: what it writes and the end of the lease become visible together."""
        # First the thread, or a late renewal would hold the lease of a round that nobody works on.
        self._stop_renewing()
        with self.write() as (session, row):
            yield session, row
            store.release_lease(session, self.round_id, self.fence)

    def _stop_renewing(self) -> bool:
        """False when it had been stopped before."""
        if self._ended.is_set():
            return False
        self._ended.set()
        self._renewer.join()
        return True

    def _keep(self) -> None:
        try:
            self._renew_until_ended()
        except (LostLease, NotFound) as error:
            log.info("lease lost", round=self.round_id, reason=str(error))
        finally:
            # Whatever ended this thread before its time, nobody renews any more.
            self._lost = not self._ended.is_set()

    def _renew_until_ended(self) -> None:
        seconds = settings().lease_seconds
        renewed = time.monotonic()
        while not self._ended.wait(_LOOK_SECONDS):
            began = time.monotonic()
            try:
                self._look()
                if began - renewed > seconds / _RENEWALS_PER_LEASE:
                    with unit_of_work() as session:
                        store.renew_lease(session, self.round_id, self.fence, seconds)
                    renewed = began
            except Unavailable as error:
                log.warning("lease not renewed; trying again", round=self.round_id, reason=str(error))
                if began - renewed > seconds:
                    return  # by our own clock it has lapsed: another may be at work already

    def _look(self) -> None:
        with reading() as session:
            row = store.get_round(session, self.round_id)
            if row.fence != self.fence:
                raise LostLease(f"Round {self.round_id} was taken over")
            self.cancel_requested = row.cancel_requested
