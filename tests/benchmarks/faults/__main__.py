"""`make bench-faults`: one fault after the other under load, against a real stack on ports and a data folder of its own.

NAME ...       which faults (FAULTS="vllm redis"); all when none is named. What was measured before stays in the table
--results DIR  one JSON a fault, and report.md made of all of them (default var/bench-faults)

Run as root, the data folder is a small tmpfs, so that the disk can be full; otherwise that fault is left out.
"""

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.stack import health, supervisor
from core.artifacts import write_text_atomically
from core.errors import Unavailable
from core.settings import settings
from tests.benchmarks.faults.clients import Clients, Seen
from tests.benchmarks.faults.faults import FAULTS, Fault
from tests.benchmarks.faults.report import Outcome, counted, table
from tests.stack import Stack, started

_DISK = "640m"
_LONGEST_SECONDS = 90.0
_CALM_SECONDS = 3.0
"""Without a failure, and everything is up: it is over."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--results", type=Path, default=Path("var/bench-faults"))
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.names) - set(FAULTS)):
        print(f"There is no fault {unknown[0]!r}; known are {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    names = chosen.names or list(FAULTS)
    if os.getuid() != 0 and "disk" in names:
        print("The disk is not filled: mounting a small one needs root", flush=True)
        names.remove("disk")
    chosen.results.mkdir(parents=True, exist_ok=True)
    with _folder() as folder, started(folder) as stack:
        os.environ.update(stack.env)
        settings.cache_clear()
        for name in names:
            outcome = asyncio.run(_suffered(name, FAULTS[name], stack))
            write_text_atomically(chosen.results / f"{name}.json", outcome.model_dump_json(indent=1))
            print(table([outcome]), flush=True)
    outcomes = [Outcome.model_validate_json(file.read_text()) for name in FAULTS if (file := chosen.results / f"{name}.json").exists()]
    write_text_atomically(chosen.results / "report.md", table(outcomes) + "\n")
    return 0


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        if os.getuid() != 0:
            yield Path(folder)
            return
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


async def _suffered(name: str, fault: Fault, stack: Stack) -> Outcome:
    works = health.probes(settings())[fault.process] if fault.process else lambda: True
    async with Clients(stack.address, stack.key, count=0 if name == "gone" else 6) as clients:
        await _until(lambda: name == "gone" or sum(s.is_served for s in clients.seen) >= 12)
        began = time.monotonic()
        note = await fault.bring(clients)
        over = began if fault.process else time.monotonic()
        back = await _until_back(clients, lambda: works() and _everything_runs(), over)
    rows = _rows()
    acknowledged = [s.id for s in clients.seen if s.id]
    return Outcome(
        name=name,
        about=fault.about,
        answers=counted([s.answer for s in clients.seen if s.ended >= began]),
        acknowledged=len(acknowledged),
        lost=len(set(acknowledged) - rows),
        seconds_until_back=back,
        note=note,
        seconds_until_aborted=float(note.split()[2]) if note.startswith("aborted") else None,
    )


def _everything_runs() -> bool:
    try:
        return all(state.status == "RUNNING" for state in supervisor.states())
    except Unavailable:
        return False


async def _until_back(clients: Clients, is_up: Callable[[], bool], over: float) -> float:
    """Seconds after `over` at which everything did its work again and a question was answered, with no failure after that."""
    up_at = over
    while time.monotonic() < over + _LONGEST_SECONDS:
        if not await asyncio.to_thread(is_up):
            up_at = time.monotonic()
        failed_at = max((s.ended for s in clients.seen if not s.is_served and s.ended > over), default=over)
        if time.monotonic() - max(up_at, failed_at) > _CALM_SECONDS:
            return max(up_at - over, _answered_after(clients.seen, failed_at) - over if failed_at > over else 0.0)
        await asyncio.sleep(0.2)
    return _LONGEST_SECONDS


def _answered_after(seen: list[Seen], moment: float) -> float:
    return min((s.ended for s in seen if s.is_served and s.what == "turn" and s.ended > moment), default=moment + _LONGEST_SECONDS)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_LONGEST_SECONDS):
        while not condition():
            await asyncio.sleep(0.1)


def _rows() -> set[str]:
    """Ids of all turns and judgements in the database."""
    with sqlite3.connect(f"file:{settings().data_dir / 'balancedbio.db'}?mode=ro", uri=True) as database:
        return {row[0] for row in database.execute("SELECT id FROM turns UNION ALL SELECT id FROM feedback")}


if __name__ == "__main__":
    sys.exit(main())
