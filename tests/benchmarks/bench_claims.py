"""How fast claims are read and items validated, and what the validator says to planted errors."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alignment.mkgsg.generate import Written, write
from alignment.mkgsg.source import FAMILIES, WIDE_FAMILIES, enumerate_cases
from alignment.mkgsg.validate import reject_reason
from alignment.mkgsg.writer import Writer
from core.knowledge import Knowledge, knowledge
from core.knowledge.claims import check_claims
from tests.alignment.mkgsg.planted import WAYS, keeps_its_form
from tests.benchmarks.rows import Row

ALL = tuple(f for table in (FAMILIES, WIDE_FAMILIES) for families in table.values() for f in families)
ITEMS, RUNS = 1000, 3


def rows() -> Iterator[Row]:
    known = knowledge()
    items = _drawn(known, 1, 2 * ITEMS)
    replies = [w.completion for w in items if 45 <= len(w.completion.split()) <= 75]
    words = sum(len(r.split()) for r in replies) / len(replies)
    seconds = min(_seconds(lambda r: check_claims(r, known), replies) for _ in range(RUNS)) / len(replies)
    yield Row("claims", "reading and checking a reply", 1000 * seconds, "ms", "< 0.3", seconds < 0.0003, f"{words:.0f} words on average")
    claims = sum(len(check_claims(r, known)) for r in replies)
    yield Row("claims", "claims", claims / (seconds * len(replies)), "claims/s")
    # Each run has items of its own: what was read once is remembered.
    speed = max(ITEMS / _seconds(lambda w: reject_reason(w, known), _drawn(known, 10 + run, ITEMS)) for run in range(RUNS))
    yield Row("claims", "validation, all families", speed, "items/s", note="one core, replies not seen before")
    base = max(ITEMS / _seconds(lambda w: reject_reason(w, known), _drawn(known, 20 + run, ITEMS, _BASE)) for run in range(RUNS))
    yield Row("claims", "validation, the starter's families", base, "items/s", note="one core")
    kept = [w for w in items if reject_reason(w, known) is None]
    yield Row("claims", "clean items kept", 100 * len(kept) / len(items), "%", ">= 99", len(kept) >= 0.99 * len(items))
    for name, way in WAYS.items():
        rng = random.Random(name)
        spoilt = [s for w in kept if (s := way.spoil(w, rng, known)) and (name == "wrong format" or keeps_its_form(s))][:ITEMS]
        reasons = Counter(reject_reason(s, known) for s in spoilt)
        right = sum(n for reason, n in reasons.items() if reason in way.reasons)
        rejected = len(spoilt) - reasons[None]
        share = 100 * right / len(spoilt)
        yield Row("claims", f"planted: {name}", share, "% for its reason", ">= 99", share >= 99, f"{rejected} of {len(spoilt)} rejected")


_BASE = tuple(f for families in FAMILIES.values() for f in families)


def _drawn(known: Knowledge, seed: int, n: int, families: Sequence[str] = ALL) -> list[Written]:
    rng = random.Random(seed)
    cases, writer = enumerate_cases(known.graph, families), Writer(known, rng, held_out=None)
    filled = [f for f in families if cases[f]]
    return [write(rng.choice(cases[filled[i % len(filled)]]), writer) for i in range(n)]


def _seconds(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Of processor time: the machine may be shared."""
    start = time.process_time()
    for item in items:
        work(item)
    return time.process_time() - start
