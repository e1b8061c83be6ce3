"""MKGSG: validated items a second at growing sizes, memory, near-duplicates, and the same job on a public library.

Each size is made by a process of its own, on one core, with everything that `mkgsg generate` does (curation, shards, hashes; the card is not
timed), once its cases are listed and after 5,000 others, so that what is loaded, listed and read once is not counted: replies are made of the
graph's facts, and each is read once. What that costs shows in a row of its own, the first 1,000 items of a process. MKGSG_BENCH_MILLION=1 adds
a run of 1,000,000. For the comparison DISTILABEL_PYTHON names the interpreter of an environment that has distilabel. Its items are the same
cases in the same words, checked by the same validator; it is timed when all its steps are loaded. Rates are per second of CPU over all
processes of either side: on a machine with neighbours the clock on the wall measures them too.
"""

import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alignment.mkgsg.generate import Written, write
from alignment.mkgsg.source import FAMILIES, enumerate_cases, families_of
from alignment.mkgsg.validate import reject_reasons
from alignment.mkgsg.writer import Writer
from core.knowledge import builtin
from core.settings import ROOT
from tests.alignment.mkgsg.variety import near_duplicate_share, vignettes
from tests.benchmarks.rows import Row

SIZES = (1_000, 10_000, 100_000)
VIGNETTES = 10_000
OTHERS = 5_000
"""Items made before the clock starts."""
COLD = 100
"""The fewest that load everything there is to load."""
COMPARED = 5_000
COMPARED_BATCH = 500
"""Measured for distilabel with 10,000 items: 50 (its default) ... 5,000; the best is taken."""

RUN = """
import json, sys, tempfile, time
from pathlib import Path
from alignment.mkgsg import run as running
from alignment.mkgsg.plan import Plan
from core.knowledge import builtin
items, families, open_book, others = int(sys.argv[1]), tuple(sys.argv[2].split(",")), float(sys.argv[3]), int(sys.argv[4])
known = builtin()
plan = Plan(items=items, seed=7, families=families, max_depth=3, open_book=open_book, lacking=0.12, graph_version=known.graph.version)
clock = {}
def peak(): # KiB; not ru_maxrss, which a child takes over from the process that forked it
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
def report(done):
    if clock:
        clock["end"], clock["peak"] = time.process_time(), peak()
def listed(*args, enumerate_cases=running.enumerate_cases):
    cases = enumerate_cases(*args)
    clock["start"], clock["rss"] = time.process_time(), peak()
    return cases
running.write_card = lambda *args: None
with tempfile.TemporaryDirectory() as folder:
    running.run(Path(folder) / "warm", plan.model_copy(update={"items": others, "seed": 6}), known)
    running.enumerate_cases = listed
    manifest = running.run(Path(folder) / "corpus", plan, known, on_progress=report)
near = [s.near_duplicates / s.drawn for s in manifest.shards]
print(json.dumps({"items": manifest.samples, "valid": manifest.stages["validate"], "seconds": clock["end"] - clock["start"],
    "start_mb": clock["rss"] / 1024,
    "peak_mb": clock["peak"] / 1024, "near": near, "dry": manifest.dry}))
"""

OURS = """
import json, time
from itertools import islice
from alignment.mkgsg.endpoint import chunks
from tests.benchmarks.bench_mkgsg import COMPARED, COMPARED_BATCH, Cases
cases = Cases()
drawn = cases.draw(COMPARED)
check = lambda batch: cases.reasons([cases.word(*pair) for pair in batch]).count(None)
check(islice(drawn, COMPARED_BATCH))  # as for the other side, the first batch is not timed
began = time.process_time()
valid = sum(check(batch) for batch in chunks(drawn, COMPARED_BATCH))
print(json.dumps({"valid": valid, "seconds": time.process_time() - began}))
"""


class Cases:
    """The cases of the starter's families and how they become items: what both sides of the comparison call."""

    def __init__(self) -> None:
        self.known = builtin()
        self.cases = {f: own for f, own in enumerate_cases(self.known.graph).items() if own}
        self._worded = 0

    def draw(self, items: int) -> Iterator[tuple[str, int]]:
        rng, families = random.Random(7), sorted(self.cases)
        for _ in range(items):
            family = rng.choice(families)
            yield family, rng.randrange(len(self.cases[family]))

    def word(self, family: str, number: int) -> Written:
        self._worded += 1
        return write(self.cases[family][number], Writer(self.known, random.Random(self._worded)))

    def reasons(self, batch: Sequence[Written]) -> list[str | None]:
        return reject_reasons(batch, self.known)


def rows() -> Iterator[Row]:
    starter = tuple(f for own in FAMILIES.values() for f in own)
    wide = tuple(f for own in families_of(("wide",)).values() for f in own)
    yield from _sizes("all families", wide, 0.0, (*SIZES, *((1_000_000,) if os.environ.get("MKGSG_BENCH_MILLION") else ())))
    yield Row("mkgsg", "all families, the first 1,000 of a process", _rate(_made(1_000, wide, 0.0, COLD)), "1/s of CPU", note="facts not read before")
    yield from _sizes("starter's families", starter, 0.0, (10_000,))
    yield from _sizes("all families, 30 % open book", wide, 0.3, (10_000,))
    yield _near_duplicates()
    yield from _compared()


def _sizes(name: str, families: tuple[str, ...], open_book: float, sizes: tuple[int, ...]) -> Iterator[Row]:
    rates: list[float] = []
    for size in sizes:
        made = _made(size, families, open_book, OTHERS)
        rate = _rate(made)
        rates.append(rate)
        note = f"{made['items']:,} kept" + (f"; ended early: {', '.join(made['dry'])}" if made["dry"] else "")
        yield Row("mkgsg", f"{name}, {size:,}: validated items", rate, "1/s of CPU", ">= 2000", rate >= 2000, note)
        yield Row("mkgsg", f"{name}, {size:,}: peak memory", made["peak_mb"], "MB", note=f"{made['start_mb']:.0f} MB at the first item")
        if len(made["near"]) > 1:
            note = f"first shard {100 * made['near'][0]:.2f} %"
            yield Row("mkgsg", f"{name}, {size:,}: near-duplicates dropped, last shard", 100 * made["near"][-1], "% of draws", note=note)
    if len(rates) > 1:
        yield Row("mkgsg", f"{name}: slowest size against fastest", min(rates) / max(rates), "of 1", "flat")


def _made(items: int, families: tuple[str, ...], open_book: float, others: int) -> dict[str, Any]:
    return _child(sys.executable, ["-c", RUN, str(items), ",".join(families), str(open_book), str(others)])


def _near_duplicates() -> Row:
    share = 100 * near_duplicate_share(vignettes(builtin(), VIGNETTES, seed=7))
    return Row("mkgsg", f"near-duplicates among {VIGNETTES:,} vignettes", share, "%", "< 1", share < 1, "exact: Jaccard of 3-word runs >= 0.8, before curation")


def _compared() -> Iterator[Row]:
    ours = _rate(_child(sys.executable, ["-c", OURS]))
    yield Row("mkgsg", f"same job, our stages, {COMPARED:,} items", ours, "valid/s of CPU")
    python = os.environ.get("DISTILABEL_PYTHON", "")
    if not python:
        yield Row("mkgsg", "same job on distilabel", float("nan"), "valid/s of CPU", note="not measured: DISTILABEL_PYTHON names no environment that has it")
        return
    with tempfile.TemporaryDirectory() as folder:
        script = str(ROOT / "tests" / "benchmarks" / "mkgsg_distilabel.py")
        arguments = [script, str(COMPARED), str(COMPARED_BATCH), str(ROOT), sysconfig.get_path("purelib")]
        theirs = _rate(_child(python, arguments, MKGSG_CLOCK=str(Path(folder) / "clock"), HOME=folder, HF_HUB_OFFLINE="1"))
    note = f"ours is {ours / theirs:.1f} times as fast; a process for each of 3 steps, batches of {COMPARED_BATCH}, all counted, once they are loaded"
    yield Row("mkgsg", f"same job on distilabel, {COMPARED:,} items", theirs, "valid/s of CPU", "<= ours", theirs <= ours, note)


def _rate(made: dict[str, Any]) -> float:
    return float(made["valid"] / made["seconds"])


def _child(python: str, arguments: list[str], **environment: str) -> dict[str, Any]:
    """The last line that a process printed, as JSON."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run([python, *arguments], cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))
