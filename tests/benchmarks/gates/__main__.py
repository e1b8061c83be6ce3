"""`python -m tests.benchmarks.gates`: simulates gates and canaries and writes the tables and a plot.

--trials N     simulated exams of a cell (default 2000)
--histories N  simulated histories of a cell (default 500)
--streams N    simulated canaries of a cell (default 2000)
--part PART    gate or canary; else both
--results DIR  where gate.md, canary.md and gates.png go (default var/bench-gates)
"""

import argparse
from pathlib import Path

from core.artifacts import write_text_atomically
from core.settings import ROOT
from evals.policy import load_policy
from tests.benchmarks.gates.canaries import HARMED, UNHARMED, stopped_by_turns
from tests.benchmarks.gates.canaries import simulate as simulate_canary
from tests.benchmarks.gates.report import canary_report, plot, report
from tests.benchmarks.gates.simulation import EXAMS, simulate, simulate_histories


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-gates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--histories", type=int, default=500)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--part", choices=("gate", "canary"))
    parser.add_argument("--results", type=Path, default=Path("var/bench-gates"))
    chosen = parser.parse_args()
    chosen.results.mkdir(parents=True, exist_ok=True)
    if chosen.part != "canary":
        _gate(chosen.trials, chosen.histories, chosen.results)
    if chosen.part != "gate":
        _canary(chosen.streams, chosen.results)


def _gate(trials: int, histories: int, results: Path) -> None:
    policy = load_policy(ROOT / "evals" / "policy.toml")
    cells = []
    for exam in EXAMS:
        cells.append(simulate(exam, policy, trials))
        print(f"{exam.label} items, {exam.discordance:.0%} differ, correlation {exam.together}: {len(cells)} of {len(EXAMS)}", flush=True)
    plot(cells, policy, results / "gates.png")
    _write(results / "gate.md", report(cells, simulate_histories(policy, histories, lambda line: print(line, flush=True)), policy))


def _canary(streams: int, results: Path) -> None:
    found = []
    for traffic in (*UNHARMED, *HARMED):
        found.append(simulate_canary(traffic, streams))
        print(f"canary, {traffic.rate:.0%} and {traffic.harm:+.0%}, {traffic.name}: {len(found)} of {len(UNHARMED) + len(HARMED)}", flush=True)
    _write(results / "canary.md", canary_report(found, stopped_by_turns(streams)))


def _write(path: Path, text: str) -> None:
    write_text_atomically(path, text)
    print(text)


if __name__ == "__main__":
    main()
