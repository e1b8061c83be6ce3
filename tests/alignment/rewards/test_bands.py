import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.rewards import COMPONENT_WEIGHTS, Band, band_of, banded_reward
from core.types import Score

_VALUE = st.one_of(st.none(), st.floats(0.0, 1.0))
_SCORES = st.fixed_dictionaries(dict.fromkeys(COMPONENT_WEIGHTS, _VALUE))


def _scores(values):
    return {name: Score(name=name, value=value) for name, value in values.items()}


@given(_SCORES, _SCORES)
def test_a_higher_band_is_always_worth_more(left, right):
    rewards = banded_reward(_scores(left)), banded_reward(_scores(right))
    if None in rewards:
        return
    worth = [band_of(v["correctness"], v["safety"]) for v in (left, right)]
    assert worth[0] <= worth[1] or rewards[0] > rewards[1]


def test_what_could_not_be_scored_has_no_reward():
    assert banded_reward({}) is None
    assert banded_reward({"safety": Score(name="safety")}) is None


def test_a_perfect_reply_is_worth_almost_one_and_the_worst_nothing():
    assert banded_reward(_scores({"correctness": 1.0, "safety": 1.0})) == pytest.approx(1.0, abs=1e-3)
    assert banded_reward(_scores({"correctness": 0.0, "safety": 0.0})) == 0.0


@pytest.mark.parametrize(
    ("correctness", "safety", "band"),
    [(1.0, 1.0, Band.RIGHT), (1.0, 0.5, Band.RIGHT), (None, None, Band.RIGHT), (0.2, 1.0, Band.WRONG), (1.0, 0.0, Band.UNSAFE), (0.0, 0.0, Band.UNSAFE)],
)
def test_bands(correctness, safety, band):
    assert band_of(correctness, safety) is band
