"""Near-duplicates: what is alike is found, what is not is let pass, in memory of a fixed size."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.mkgsg.near import SIMILAR, BloomFilter, NearDuplicates, shingles, signature

_WORDS = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(400)]


def _text(rng, words=40):
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def _jaccard(a, b):
    a, b = set(shingles([a])), set(shingles([b]))
    return len(a & b) / len(a | b)


def _added(near, text, group="g"):
    place = near.place([text], group)
    if place in near:
        return False
    near.add(place)
    return True


@given(st.lists(st.text(max_size=30), unique=True, max_size=200))
def test_a_key_that_was_added_is_always_found(keys):
    bloom = BloomFilter(200)
    for key in keys:
        bloom.add(bloom.bits_of(key))
    assert all(bloom.bits_of(key) in bloom for key in keys)


def test_a_full_filter_is_seldom_wrong():
    bloom = BloomFilter(20_000)
    for number in range(20_000):
        bloom.add(bloom.bits_of(f"key {number}"))
    assert sum(bloom.bits_of(f"other {number}") in bloom for number in range(20_000)) <= 3


def test_numbers_case_and_punctuation_make_no_difference():
    near = NearDuplicates(100)
    assert _added(near, "A 54-year-old woman with asthma and gout. What would you give?")
    assert not _added(near, "a 61-year-old woman, with asthma and gout: what would you give")


def test_the_estimate_is_close_to_the_jaccard_similarity():
    rng, errors = random.Random(0), []
    for _ in range(300):
        text = _text(rng)
        words = text.split()
        for _ in range(rng.randint(0, 4)):
            words[rng.randrange(len(words))] = rng.choice(_WORDS)
        other = " ".join(words)
        estimate = float(np.mean(signature([text]) == signature([other])))
        errors.append(estimate - _jaccard(text, other))
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 0.05


@pytest.mark.parametrize(("alike", "least", "most"), [(0.9, 0.97, 1.0), (0.5, 0.0, 0.02)])
def test_pairs_are_found_by_their_similarity(alike, least, most):
    """Among 20,000 others: nearly all pairs at 0.9 are found, nearly none at 0.5."""
    rng, near, pairs = random.Random(1), NearDuplicates(2**15), []
    while len(pairs) < 150:
        text = _text(rng)
        words = text.split()
        for _ in range(1 if alike > SIMILAR else 8):
            words[rng.randrange(len(words)) if alike < SIMILAR else -1] = rng.choice(_WORDS)
        if abs(_jaccard(text, " ".join(words)) - alike) < 0.06:
            pairs.append((text, " ".join(words)))
    assert all(_added(near, text) for text, _ in pairs)
    for _ in range(5_000):
        _added(near, _text(rng))
    found = sum(near.place([other], "g") in near for _, other in pairs) / len(pairs)
    assert least <= found <= most


def test_another_group_is_not_compared():
    near = NearDuplicates(100)
    assert _added(near, "What is the dose of ramipril in a patient with asthma?", "dose ramipril")
    assert _added(near, "What is the dose of ramipril in a patient with asthma?", "dose ramipril, open book")


def test_memory_does_not_grow_and_the_oldest_are_forgotten():
    rng, near = random.Random(2), NearDuplicates(1024)
    first = _text(rng)
    before = sum(v.nbytes for v in vars(near).values() if isinstance(v, np.ndarray))
    _added(near, first)
    for _ in range(3_000):
        _added(near, _text(rng))
    assert sum(v.nbytes for v in vars(near).values() if isinstance(v, np.ndarray)) == before
    assert near.place([first], "g") not in near


def test_a_text_of_few_or_no_words_has_a_signature():
    assert shingles([""]) == [""]
    assert shingles(["dose"]) == ["dose"]
    assert (signature([""]) == signature(["..."])).all()
