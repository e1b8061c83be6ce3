"""A capability's score and how sure it is."""

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from core.types import Capability, EvalReport, ItemResult
from evals.history import scores_of


def report(scores: list[float | None], size: int = 1) -> EvalReport:
    items = [
        ItemResult(item_id=f"i{n}", capability=Capability.DOMAIN, family="dose", cluster=f"c{n // size}", reply="r", scores=(), correct=score)
        for n, score in enumerate(scores)
    ]
    return EvalReport(suite="s", suite_hash="h", model="m", items=tuple(items), created_at=datetime.now(UTC))


def test_the_interval_is_students_where_items_stand_alone() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.5, 0.0, 1.0, 1.0]
    found = scores_of(report(values))[Capability.DOMAIN]
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx(tuple(stats.ttest_1samp(values, 0.0).confidence_interval(0.9)), rel=1e-6)
    assert found.items == 8


def test_items_of_one_vignette_widen_it() -> None:
    alone, together = (scores_of(report([1.0, 1.0, 0.0, 0.0] * 10, size))[Capability.DOMAIN] for size in (1, 2))
    assert alone.high is not None
    assert together.high is not None
    assert together.high > alone.high


def test_a_perfect_score_is_not_taken_for_certain() -> None:
    found = scores_of(report([1.0] * 30))[Capability.DOMAIN]
    assert found.high == 1.0
    assert found.low is not None
    assert 0.85 < found.low < 1.0


def test_what_was_not_scored_is_left_out_and_one_vignette_has_no_interval() -> None:
    found = scores_of(report([1.0, None, 0.0], size=3))
    assert list(found) == [Capability.DOMAIN]
    assert (found[Capability.DOMAIN].mean, found[Capability.DOMAIN].items, found[Capability.DOMAIN].low) == (0.5, 2, None)
    assert scores_of(report([None])) == {}
