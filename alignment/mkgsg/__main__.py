"""`python -m alignment mkgsg`: items as JSON lines, to look at or to use elsewhere; the counts of what was dropped go to stderr."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alignment.mkgsg.pipeline import generate
from core.knowledge import knowledge
from core.types import Capability


def main(argv: Sequence[str]) -> int:
    """`mkgsg [--per-capability N] [--capability C ...] [--seed N] [--topic ID ...] [--replies]`."""
    parser = argparse.ArgumentParser(prog="balancedbio mkgsg", description="Make synthetic items from the knowledge graph.")
    parser.add_argument("--per-capability", type=int, default=20)
    parser.add_argument("--capability", action="append", choices=[c.value for c in Capability], help="only these (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--topic", action="append", default=[], help="concept id that items should rather be about")
    parser.add_argument("--replies", action="store_true", help="with the reference and the unaligned reply")
    parser.add_argument("--out", type=Path, help="file to write (default: standard output)")
    options = parser.parse_args(list(argv))
    wanted = dict.fromkeys((Capability(c) for c in options.capability or [c.value for c in Capability]), options.per_capability)
    drops: Counter[str] = Counter()
    items = generate(knowledge(), wanted, seed=options.seed, topics=options.topic, drops=drops)
    lines = (written.model_dump_json() if options.replies else written.sample.model_dump_json() for written in items)
    if options.out:
        options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        for line in lines:
            print(line)
    print(f"dropped: {dict(drops)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
