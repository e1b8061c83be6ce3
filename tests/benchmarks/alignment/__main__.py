"""`python -m tests.benchmarks.alignment`: runs what is missing, then writes the tables and plots.

--jobs N       runs at a time, one core each (default 1)
--results DIR  where the runs' results are (default var/bench-alignment)
--regimes, --contenders  names, separated by commas (default: all regimes, all contenders but the aids and those held by a KL term)
--seeds N      seeds 0 to N-1 (default 5)
--report       no run; tables and plots from whatever is there
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from core.errors import AppError
from tests.benchmarks.alignment.driver import drive
from tests.benchmarks.alignment.regimes import CONTENDERS, ON_REQUEST, REGIMES, START
from tests.benchmarks.alignment.report import write_report
from tests.benchmarks.alignment.results import Run, starter_folder

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # What glibc gives back to the system after every step it must fetch again: 16 % of a step.
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
}


def runs_of(regimes: list[str], contenders: list[str], seeds: int) -> list[Run]:
    """The starter model's own scores first, once for each exam; then seed by seed, so that an interrupted benchmark compares all contenders."""
    exams = {REGIMES[r].exam: r for r in reversed(regimes)}
    start = [Run(regime, START.name, 0) for regime in reversed(exams.values())]
    # Without anchors there is nothing to replay, and the contender would be `sum` once more.
    pairs = [(r, c) for r in regimes for c in contenders if c != START.name and (REGIMES[r].anchors or CONTENDERS[c].anchors != "train")]
    return start + [Run(r, c, seed) for seed in range(seeds) for r, c in pairs]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench-alignment", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("var/bench-alignment"))
    parser.add_argument("--regimes", type=_names(list(REGIMES)), default=list(REGIMES))
    parser.add_argument("--contenders", type=_names(list(CONTENDERS)), default=[c for c in CONTENDERS if c not in (START.name, *ON_REQUEST)])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--report", action="store_true")
    chosen = parser.parse_args(arguments)
    os.environ.update(_ONE_THREAD)
    for number in (signal.SIGINT, signal.SIGTERM):  # in the background a shell has interrupts ignored
        signal.signal(number, signal.default_int_handler)
    try:
        folder = starter_folder(chosen.results)
        runs = [] if chosen.report else runs_of(chosen.regimes, chosen.contenders, chosen.seeds)
        failed = drive(runs, folder, chosen.jobs, lambda line: print(line, flush=True)) if runs else []
        print(write_report(folder))
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    return 1 if failed else 0


def _names(known: list[str]):  # type: ignore[no-untyped-def]  # what argparse calls
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [n for n in names if n not in known]:
            raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}; known are {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
