"""The numbers of the tables, on results whose numbers are known."""

import numpy as np
import pytest
from scipy import stats

from core.types import Capability
from tests.benchmarks.alignment.exam import COMBINED
from tests.benchmarks.alignment.results import Result
from tests.benchmarks.alignment.table import changes, conduct, markdown, paired, spread, worst_by_round

GROUPS = [*(c.value for c in Capability), COMBINED]


def result(contender: str, seed: int, changed: dict[str, float], **more) -> Result:
    """Forty questions in each group, all at 0.5 but for the change of the group, which half of the questions take twofold."""

    def marks(group: str) -> list[float]:
        return [0.5 + 2 * changed.get(group, 0.0) * (i % 2) for i in range(40)]

    table = {g: tuple(m if g == own else None for own in GROUPS for m in marks(own)) for g in GROUPS}
    return Result(regime="balanced", contender=contender, seed=seed, recipe={}, greedy=table, sampled=table, **more)


START = result("start", 0, {})


def test_the_interval_is_that_of_student_over_the_seeds():
    values = [3.0, 5.0, 4.0, 8.0, 1.0]
    found = spread(values)

    assert found.mean == 4.2
    assert (found.low, found.high) == pytest.approx(stats.ttest_1samp(values, 0.0).confidence_interval(0.95))
    assert (found.worst, found.seeds) == (1.0, 5)


def test_one_seed_has_no_interval():
    assert np.isnan(spread([3.0]).low)


def test_the_worst_group_is_found_in_each_seed_and_combinations_count_for_none():
    seeds = [result("sum", 0, {"domain": -0.1, COMBINED: -0.4}), result("sum", 1, {"safety": -0.2, "domain": 0.1, COMBINED: -0.4})]
    found = changes(seeds, START, sampled=True)

    assert found.worst_group.mean == pytest.approx(-15.0)
    assert found.worst_group.worst == pytest.approx(-20.0)
    assert found.mean.mean == pytest.approx(100 * (-0.1 + -0.1) / 5 / 2)
    assert found.by_group[COMBINED].mean == pytest.approx(-40.0)


def test_a_loss_within_its_noise_is_below_the_start_but_not_surely():
    noisy = result("sum", 0, {}).model_copy(
        update={
            "sampled": {**START.sampled, "domain": tuple(None if m is None else m - (0.5 if i == 3 else 0.0) for i, m in enumerate(START.sampled["domain"]))}
        }
    )
    found = changes([noisy, result("sum", 1, {"safety": -0.2})], START, sampled=True)

    assert (found.below_start, found.surely_below) == (2, 1)


def test_ours_is_compared_seed_by_seed_where_both_have_the_seed():
    ours = [result("balanced", 0, {"domain": 0.1}), result("balanced", 1, {"domain": -0.1, "safety": 0.2}), result("balanced", 7, {"domain": 0.3})]
    others = [result("sum", 0, {"domain": 0.0}), result("sum", 1, {"domain": -0.2, "safety": 0.2}), result("sum", 5, {})]
    found = paired(ours, others, START)

    assert found is not None
    assert (found.mean.seeds, found.mean.mean, found.worst.mean) == (2, pytest.approx(2.0), pytest.approx((0.0 + 10.0) / 2))
    assert "| sum (2) | +2.0" in markdown([START, *ours, *others])
    assert paired(ours, others[2:], START) is None


def test_cosines_are_read_by_pair_of_objectives_and_missing_ones_left_out():
    steps = (
        {
            "objectives": ["a", "b", "c"],
            "cosines": [[1.0, -0.5, None], [-0.5, 1.0, 0.2], [None, 0.2, 1.0]],
            "never": 0.2,
            "always": 0.0,
            "conflict_rate": 0.5,
            "ceiling": [0.4, None, 0.2],
        },
        {"objectives": ["b", "a"], "cosines": [[1.0, None], [None, 1.0]], "never": 0.4, "always": 0.2},
    )
    found = conduct([result("balanced", 0, {}, steps=steps, train_seconds=4.0)])

    assert found.cosine == pytest.approx((-0.5 + 0.2) / 2)
    assert found.lowest_cosine == -0.5
    assert (found.never, found.always, found.conflict_rate) == pytest.approx((0.3, 0.1, 0.5))
    assert found.ceiling == pytest.approx(0.3)
    assert found.step_seconds == 2.0


def test_the_worst_capability_is_followed_through_the_rounds():
    ten = result("balanced", 0, {"safety": 0.1}, history=({**dict.fromkeys(GROUPS, 0.5), "domain": 0.4, COMBINED: 0.0}, dict.fromkeys(GROUPS, 0.6)))

    assert worst_by_round(ten, START) == pytest.approx([-10.0, 10.0, 0.0])


def test_the_report_shows_every_contender_that_has_a_result_and_no_other():
    text = markdown([START, result("sum", 0, {"domain": -0.1}), result("balanced", 0, {"domain": 0.1})])

    assert "| sum (1) |" in text
    assert "| balanced (1) |" in text
    assert "| sft" not in text
    assert "-10.0 [-10.0]" in text
    assert "skewed" not in text


def test_of_a_skewed_round_the_subject_and_the_worst_of_the_others_are_told_apart():
    about_domain = result("sum", 0, {"domain": 0.2, "safety": -0.1, COMBINED: -0.4}).model_copy(update={"regime": "skewed"})
    about_reasoning = result("sum", 1, {"reasoning": 0.1, "domain": -0.2}).model_copy(update={"regime": "skewed"})
    found = changes([about_domain, about_reasoning], START, sampled=True)

    assert found.subject is not None
    assert found.worst_other is not None
    assert found.subject.mean == pytest.approx(15.0)
    assert found.worst_other.mean == pytest.approx(-15.0)
    assert changes([result("sum", 0, {})], START, sampled=True).subject is None
