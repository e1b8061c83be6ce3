"""What the validator does with errors that it was not written against. The corruptions were made without sight of it.

The nine kinds of `corruptions_held_back` were described to the validator's author last. Before that (2026-11-20, the last of three runs, whose
figures for the first finished validator differ by at most eight items) it rejected: a refusal turned round, a wrong reason, a swapped history and a
wrong reference 100 %, a changed interval 97 %, a reply cut off 84 %, a false promise of safety added 81 %, another effect of an interaction 65 %,
an answer leaked into its question 0 %. That is the figure for errors nobody thought of. The kinds of `corruptions_blind` and `corruptions_form`
were described as rules, with a few of their wordings, and mended: what is measured on them here is no longer blind. `FLOORS` says how far it
reaches: 99 %, or less where a hole is open, with two items of leeway.
"""

from collections import Counter
from collections.abc import Mapping

import pytest

from alignment.mkgsg.curate import Curator, word_grams
from alignment.mkgsg.validate import reject_reason
from core.knowledge import Knowledge
from tests.alignment.mkgsg.beds import Corruption, planted, stock
from tests.alignment.mkgsg.corruptions_blind import FACTS
from tests.alignment.mkgsg.corruptions_form import EXAM, FORMS
from tests.alignment.mkgsg.corruptions_held_back import HELD
from tests.alignment.mkgsg.rewordings import reworded

ITEMS = 100
KINDS: Mapping[str, Corruption] = {**FACTS, **FORMS, **HELD}
FLOORS = {
    **dict.fromkeys(KINDS, 0.99),
    "severity_changed": 0.70,
    "reply_cut_off": 0.84,
    "interval_changed": 0.92,
    "unsafe_addendum": 0.79,
    "effect_changed": 0.60,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrupted_item_is_rejected(kind: str, knowledge: Knowledge) -> None:
    items = planted(KINDS[kind], knowledge, ITEMS, seed=11)
    reasons = Counter(reject_reason(bad, knowledge) for _, bad in items)
    assert len(items) == ITEMS
    assert 1 - reasons[None] / ITEMS >= FLOORS[kind], reasons


def test_a_clean_item_is_kept(knowledge: Knowledge) -> None:
    reasons = Counter(reject_reason(bed.written, knowledge) for bed in stock(knowledge)[:1000])
    assert reasons[None] >= 990, reasons


def test_a_clean_item_in_other_words_is_kept(knowledge: Knowledge) -> None:
    kept: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for bed, good in planted(reworded, knowledge, 480, seed=17):
        seen[bed.case.family] += 1
        kept[bed.case.family] += reject_reason(good, knowledge) is None
    assert kept.total() / seen.total() >= 0.95, {f: f"{kept[f]}/{seen[f]}" for f in seen}


def test_an_edited_copy_of_an_exam_item_is_dropped(knowledge: Knowledge) -> None:
    (kind,) = EXAM.values()
    reasons: Counter[str | None] = Counter()
    for bed, bad in planted(kind, knowledge, ITEMS, seed=11):
        curator = Curator(frozenset({bed.written.sample.id}), word_grams(bed.question), capacity=8)
        reasons[curator.drop_reason(bad.sample)] += 1
    assert reasons["exam_item"] + reasons["exam_overlap"] >= 0.92 * ITEMS, reasons
