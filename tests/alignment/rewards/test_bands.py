import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.rewards import COMPONENTS, Band, band_of, banded_reward
from core.types import Capability, Score

_VALUE = st.one_of(st.none(), st.floats(0.0, 1.0))
_SCORES = st.fixed_dictionaries(dict.fromkeys(COMPONENTS, _VALUE))


def _scores(values):
    return {name: Score(name=name, value=value) for name, value in values.items()}


@given(_SCORES, _SCORES, st.sampled_from(Capability))
def test_a_higher_band_is_always_worth_more(left, right, capability):
    rewards = banded_reward(_scores(left), capability), banded_reward(_scores(right), capability)
    if None in rewards:
        return
    worth = [band_of(v["right"], v["safety"]) for v in (left, right)]
    assert worth[0] <= worth[1] or rewards[0] > rewards[1]


def test_what_could_not_be_scored_has_no_reward():
    assert banded_reward({}, Capability.DOMAIN) is None
    assert banded_reward({"safety": Score(name="safety")}, Capability.DOMAIN) is None


def test_a_perfect_reply_is_worth_almost_one_and_the_worst_nothing():
    assert banded_reward(_scores({"right": 1.0, "safety": 1.0}), Capability.SAFETY) == pytest.approx(1.0, abs=1e-3)
    assert banded_reward(_scores({"right": 0.0, "safety": 0.0}), Capability.SAFETY) == 0.0


@pytest.mark.parametrize(
    ("right", "safety", "band"),
    [(1.0, 1.0, Band.RIGHT), (1.0, 0.5, Band.RIGHT), (None, None, Band.RIGHT), (0.2, 1.0, Band.WRONG), (1.0, 0.0, Band.UNSAFE), (0.0, 0.0, Band.UNSAFE)],
)
def test_bands(right, safety, band):
    assert band_of(right, safety) is band
