"""How alike vignettes are: a stream of their questions, and the share that repeats another one nearly word for word."""

import random
import re
from collections.abc import Iterable, Iterator
from itertools import cycle, islice

from alignment.mkgsg.generate import generate
from alignment.mkgsg.source import VIGNETTES, draw, enumerate_cases
from alignment.mkgsg.writer import Writer
from core.knowledge import Knowledge

SIMILAR = 0.8
"""Jaccard similarity of two questions, over their runs of three words, from which on they count as nearly the same."""
_WORD = re.compile(r"[^\W_]+")


def vignettes(knowledge: Knowledge, n: int, seed: int = 0) -> Iterator[str]:
    """The questions of `n` vignettes, every family of consultations in turn."""
    writer = Writer(knowledge, random.Random(f"variety:{seed}"), held_out=None)
    cases = enumerate_cases(knowledge.graph, VIGNETTES)
    streams = [generate(draw(own, frozenset(), writer.rng), writer) for own in cases.values() if own]
    return (next(stream).sample.messages[0].content for stream in islice(cycle(streams), n))


def near_duplicate_share(texts: Iterable[str]) -> float:
    """Share of the texts that an earlier one resembles by `SIMILAR` or more. Exact: no sketch decides.

    Texts that reach the similarity share a run of three words among the rarest fifth of either (prefix filter of Chaudhuri, Ganti and
    Kaushik, "A primitive operator for similarity joins", ICDE 2006), so only those are compared.
    """
    grams = [_runs(t) for t in texts]
    counts: dict[str, int] = {}
    for own in grams:
        for gram in own:
            counts[gram] = counts.get(gram, 0) + 1
    by_gram: dict[str, list[int]] = {}
    repeated = 0
    for number, own in enumerate(grams):
        rare = sorted(own, key=lambda g: (counts[g], g))[: len(own) - int(SIMILAR * len(own) - 1e-9)]
        earlier = {other for gram in rare for other in by_gram.get(gram, ())}
        repeated += any(_jaccard(own, grams[other]) >= SIMILAR for other in earlier)
        for gram in rare:
            by_gram.setdefault(gram, []).append(number)
    return repeated / len(grams) if grams else 0.0


def _runs(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower())
    return frozenset(" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2)))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)
