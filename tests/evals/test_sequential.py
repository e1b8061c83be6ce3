"""The bets: what they promise is enumerated over every fall of the coins, not sampled."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.sequential import Differences, missing, wealth, weighted

shares = st.floats(0.01, 0.5)
margins = st.floats(0.0, 0.5)
values = st.floats(0.0, 1.0)
units = st.lists(st.tuples(st.booleans(), values), max_size=60)


def bets(sides_and_values: list[tuple[bool, float]], share: float, margin: float) -> np.ndarray:
    sides, shown = [s for s, _ in sides_and_values], [v for _, v in sides_and_values]
    return wealth(weighted(sides, shown, share), margin)


@given(units, shares, margins)
def test_wealth_is_never_negative_and_always_a_number(seen: list[tuple[bool, float]], share: float, margin: float) -> None:
    for path in (bets(seen, share, margin), wealth(missing([s for s, _ in seen], share), margin)):
        assert len(path) == len(seen)
        assert (np.isfinite(path) & (path > 0.0)).all()


@st.composite
def harmless(draw: st.DrawFn) -> tuple[list[tuple[float, float]], float]:
    """What each unit would show on (candidate, production), differing from unit to unit as it likes; never more than the margin worse. And the margin."""
    margin = draw(margins)
    production = draw(st.lists(values, min_size=1, max_size=8))
    return [(draw(st.floats(0.0, min(1.0, p + margin))), p) for p in production], margin


@given(harmless(), shares, st.sampled_from([0.5, 0.2, 0.05]))
def test_a_candidate_within_the_margin_reaches_the_limit_no_more_often_than_alpha(
    case: tuple[list[tuple[float, float]], float], share: float, alpha: float
) -> None:
    """Ville's inequality, exactly: the probability of every sequence of sides, and whether its wealth ever reached 1 / alpha."""
    would_show, margin = case
    reached = mean = 0.0
    for sides in product((True, False), repeat=len(would_show)):
        probability = float(np.prod([share if s else 1.0 - share for s in sides]))
        path = bets([(s, shown[0] if s else shown[1]) for s, shown in zip(sides, would_show, strict=True)], share, margin)
        reached += probability * bool((path >= 1.0 / alpha).any())
        mean += probability * path[-1]
    assert mean <= 1.0 + 1e-9
    assert reached <= alpha + 1e-9


@given(st.integers(1, 9), shares, margins)
def test_sides_that_leave_equally_many_traces_look_like_nothing_is_lost(count: int, share: float, margin: float) -> None:
    paths = {sides: wealth(missing(sides, share), margin) for sides in product((True, False), repeat=count)}
    chances = {sides: float(np.prod([share if s else 1.0 - share for s in sides])) for sides in paths}
    assert sum(chances[s] * paths[s][-1] for s in paths) <= 1.0 + 1e-9
    assert sum(chances[s] for s in paths if (paths[s] >= 2.0).any()) <= 0.5 + 1e-9


@given(units, shares, margins, values)
def test_what_is_bad_with_the_candidate_speaks_for_harm_and_what_is_bad_in_production_against(
    seen: list[tuple[bool, float]], share: float, margin: float, value: float
) -> None:
    for side, sign in ((True, 1.0), (False, -1.0)):
        bad, good = (bets([*seen, (side, shown)], share, margin)[-1] for shown in (value, 0.0))
        assert sign * (bad - good) >= 0.0


@given(units, units, shares, margins)
def test_what_comes_later_does_not_change_what_was(first: list[tuple[bool, float]], later: list[tuple[bool, float]], share: float, margin: float) -> None:
    """No bet is placed with knowledge of what comes."""
    assert bets([*first, *later], share, margin)[: len(first)] == pytest.approx(bets(first, share, margin))


def test_plain_harm_reaches_a_limit_of_eighty_within_a_dozen_of_the_candidates_units() -> None:
    path = bets([(i % 10 == 0, float(i % 10 == 0)) for i in range(120)], 0.1, 0.01)
    assert path[-1] >= 80.0


@given(units, shares)
def test_no_difference_is_below_what_was_said_before_to_be_the_least(seen: list[tuple[bool, float]], share: float) -> None:
    for found in (weighted([s for s, _ in seen], [v for _, v in seen], share), missing([s for s, _ in seen], share)):
        assert (found.seen_N >= found.least_N - 1e-9).all()
        assert (found.least_N < 0.0).all()


def test_a_difference_that_cannot_be_is_an_error() -> None:
    with pytest.raises(ValueError, match="below the least"):
        wealth(Differences(np.array([-2.0]), np.array([-1.0])), 0.1)
