"""`make bench`: every benchmark of this folder, side by side in one run; prints a table and writes it to `var/bench/`.

A benchmark is a module `bench_*.py` with `rows() -> Iterator[Row]`. What it needs and does not find (the public data sets, an optional
library) is a row with a note, not a failure. `python -m tests.benchmarks NAME ...` runs some of them.
"""

import importlib
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.rows import Row

HERE = Path(__file__).parent


def main(names: list[str]) -> int:
    known = sorted(p.stem.removeprefix("bench_") for p in HERE.glob("bench_*.py"))
    if unknown := sorted(set(names) - set(known)):
        print(f"There is no benchmark {unknown[0]!r}; known are {', '.join(known)}", file=sys.stderr)
        return 2
    console = Console(width=160)
    rows: list[Row] = []
    for name in names or known:
        with console.status(f"{name} ..."):
            rows += importlib.import_module(f"tests.benchmarks.bench_{name}").rows()
    title = f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table("bench", "measure", "value", "unit", "bar", "met", "note", title=title)
    for row in rows:
        table.add_row(row.bench, row.measure, f"{row.value:,.4g}", row.unit, row.bar, "" if row.met is None else "yes" if row.met else "NO", row.note)
    console.print(table)
    target = Path("var/bench")
    target.mkdir(parents=True, exist_ok=True)
    with (target / "results.md").open("a", encoding="utf-8") as out:
        out.write(f"\n## {title}\n\n| bench | measure | value | unit | bar | met | note |\n|---|---|---|---|---|---|---|\n")
        for row in rows:
            met = "" if row.met is None else "yes" if row.met else "no"
            out.write(f"| {row.bench} | {row.measure} | {row.value:,.4g} | {row.unit} | {row.bar} | {met} | {row.note} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
