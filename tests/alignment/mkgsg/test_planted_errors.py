"""Planted errors: what a validator is for. Ten ways, a thousand items each, all families; and a thousand clean items that must stay."""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from alignment.mkgsg.curate import Curator, word_grams
from alignment.mkgsg.generate import Written, write
from alignment.mkgsg.source import FAMILIES, WIDE_FAMILIES, enumerate_cases
from alignment.mkgsg.validate import REASONS, reject_reason, reject_reasons
from alignment.mkgsg.writer import Writer
from core.knowledge import Knowledge
from tests.alignment.mkgsg.planted import WAYS, keeps_its_form

ITEMS = 1000
ALL = tuple(f for table in (FAMILIES, WIDE_FAMILIES) for families in table.values() for f in families)


@pytest.fixture(scope="module")
def clean(knowledge: Knowledge) -> list[Written]:
    return list(islice(_drawn(knowledge, random.Random(31)), 2 * ITEMS))


def _drawn(knowledge: Knowledge, rng: random.Random) -> Iterator[Written]:
    """Items of every family in turn, unvalidated."""
    cases, writer = enumerate_cases(knowledge.graph, ALL), Writer(knowledge, rng, held_out=None)
    while True:
        for family in ALL:
            if cases[family]:
                yield write(rng.choice(cases[family]), writer)


@pytest.fixture(scope="module")
def right(clean: list[Written], knowledge: Knowledge) -> list[Written]:
    return [w for w in clean if reject_reason(w, knowledge) is None]


def test_clean_items_are_kept(clean: list[Written], knowledge: Knowledge) -> None:
    reasons = Counter((w.sample.family, reject_reason(w, knowledge)) for w in clean[:ITEMS])
    rejected = {k: n for k, n in reasons.items() if k[1]}
    assert sum(rejected.values()) <= 0.01 * ITEMS, rejected


def test_items_checked_together_get_the_reasons_that_each_gets_alone(right: list[Written], knowledge: Knowledge) -> None:
    rng, mixed = random.Random(5), right[:100]
    for spoil, _ in WAYS.values():
        mixed += islice((s for w in right if (s := spoil(w, rng, knowledge))), 20)
    rng.shuffle(mixed)
    alone = [reject_reason(w, knowledge) for w in mixed]
    assert len(set(alone)) > len(WAYS) / 2
    assert reject_reasons(mixed, knowledge) == alone


@pytest.mark.parametrize("way", WAYS)
def test_an_error_is_rejected_for_the_right_reason(way: str, right: list[Written], knowledge: Knowledge) -> None:
    rng, (spoil, reasons) = random.Random(way), WAYS[way]
    spoilt: list[Written] = []
    while len(spoilt) < ITEMS:
        before = len(spoilt)
        spoilt += [s for w in right if (s := spoil(w, rng, knowledge)) and (way == "wrong format" or keeps_its_form(s))]
        assert len(spoilt) > before, f"no item can be spoilt by {way}"
    found = [(w.sample.family, reject_reason(w, knowledge)) for w in spoilt[:ITEMS]]
    wrong = Counter(f for f in found if f[1] not in reasons)
    examples = {f: next(w.completion for w, g in zip(spoilt, found, strict=False) if g == f) for f in wrong}
    assert reasons <= REASONS
    assert sum(wrong.values()) <= 0.01 * ITEMS, "\n".join(f"{n} x {f}: {examples[f]}" for f, n in wrong.most_common())


def test_a_copied_exam_item_is_dropped_by_the_curator(right: list[Written]) -> None:
    exam = [w.sample for w in right[:ITEMS]]
    hashes = frozenset(s.id for s in exam)
    grams = frozenset[str]().union(*(word_grams(m.content) for s in exam for m in s.messages))
    by_hash, by_words = Curator(exam_hashes=hashes), Curator(exam_grams=grams)
    assert Counter(by_hash.drop_reason(s) for s in exam) == {"exam_item": len(exam)}
    assert Counter(by_words.drop_reason(s) for s in exam) == {"exam_overlap": len(exam)}
