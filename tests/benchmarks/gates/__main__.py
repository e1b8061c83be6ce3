"""`python -m tests.benchmarks.gates`: simulates gates and writes the tables and a plot.

--trials N     simulated exams of a cell (default 2000)
--histories N  simulated histories of a cell (default 500)
--results DIR  where report.md and gates.png go (default var/bench-gates)
"""

import argparse
from pathlib import Path

from core.artifacts import write_text_atomically
from core.settings import ROOT
from evals.policy import load_policy
from tests.benchmarks.gates.report import plot, report
from tests.benchmarks.gates.simulation import EXAMS, simulate, simulate_histories


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-gates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--histories", type=int, default=500)
    parser.add_argument("--results", type=Path, default=Path("var/bench-gates"))
    chosen = parser.parse_args()
    policy = load_policy(ROOT / "evals" / "policy.toml")
    cells = []
    for exam in EXAMS:
        cells.append(simulate(exam, policy, chosen.trials))
        print(f"{exam.label} items, {exam.discordance:.0%} differ, correlation {exam.together}: {len(cells)} of {len(EXAMS)}", flush=True)
    histories = simulate_histories(policy, chosen.histories, lambda line: print(line, flush=True))
    chosen.results.mkdir(parents=True, exist_ok=True)
    text = report(cells, histories, policy)
    write_text_atomically(chosen.results / "report.md", text)
    plot(cells, policy, chosen.results / "gates.png")
    print(text)


if __name__ == "__main__":
    main()
