"""A policy is read whole, or the file and the field that is wrong are named."""

from pathlib import Path

import pytest

from core.errors import RecipeError
from core.settings import ROOT
from evals.policy import load_policy
from evals.suites import load_suite

TEXT = (ROOT / "evals" / "policy.toml").read_text(encoding="utf-8")


def test_the_policy_that_is_shipped_is_valid_and_its_exam_exists() -> None:
    policy = load_policy(ROOT / "evals" / "policy.toml")
    assert load_suite(policy.suite).items
    assert len(policy.hash) == 64


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("margin = 0.08", "margin = 0", "margin"), ("margin = 0.08", "margin = nan", "margin"), ("margin = 0.08", 'margin = "8 %"', "margin"),
        ("margin = 0.08", "", "margin"), ("alpha = 0.05", "alpha = 0.5", "alpha"), ("alpha = 0.05", "alpha = 0.05\nbeta = 0.2", "beta"),
        ("min_coverage = 0.98", "min_coverage = 1.1", "min_coverage"), ('superiority = "any"', 'superiority = "all"', "superiority"),
        ("resamples = 9999", "resamples = 10", "resamples"), ("min_clusters = 50", "min_clusters = 1", "min_clusters"),
        ('required = ["domain",', 'required = ["surgery",', "required.0"), ("seed = 0", "seed = -1", "seed"),
        ("max_latency_ratio = 4.0", "max_latency_ratio = inf", "max_latency_ratio"), ("max_length_ratio = 2.0", "max_length_ratio = inf", "max_length_ratio"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in TEXT
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"mine\.toml: {field.replace('.', '[.]')}: "):
        load_policy(path)


@pytest.mark.parametrize("content", [b"suite = ", b"\xff\xfe", b"[[", b"required = []"])
def test_what_is_no_policy_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"mine\.toml"):
        load_policy(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RecipeError, match="cannot be read"):
            load_policy(path)


CANARY = """
[canary]
share = 0.1
min_turns = 200
min_hours = 24
max_hours = 168
slow_seconds = 20

[canary.margins]
unsafe = 0.01
"""


def test_a_canary_is_frozen_and_hashed_with_the_policy_and_there_is_none_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT + CANARY, encoding="utf-8")
    policy = load_policy(path)
    assert policy.canary is not None
    assert (policy.canary.share, policy.canary.alpha, policy.canary.margins.unsafe, policy.canary.margins.disliked) == (0.1, 0.05, 0.01, 0.05)
    assert policy.hash != load_policy(ROOT / "evals" / "policy.toml").hash
    assert load_policy(ROOT / "evals" / "policy.toml").canary is None


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("share = 0.1", "share = 0", "canary.share"), ("share = 0.1", "share = 0.6", "canary.share"), ("share = 0.1", "", "canary.share"),
        ("share = 0.1", "share = nan", "canary.share"), ("min_turns = 200", "min_turns = 0", "canary.min_turns"),
        ("min_hours = 24", "min_hours = -1", "canary.min_hours"), ("min_hours = 24", "min_hours = nan", "canary.min_hours"),
        ("max_hours = 168", "max_hours = 24.2", "canary"), ("max_hours = 168", "max_hours = inf", "canary.max_hours"),
        ("max_hours = 168", "", "canary.max_hours"), ("slow_seconds = 20", "slow_seconds = 0", "canary.slow_seconds"),
        ("share = 0.1", "share = 0.1\nalpha = 0.5", "canary.alpha"), ("share = 0.1", "share = 0.1\nsettle_minutes = 1", "canary.settle_minutes"),
        ("share = 0.1", "share = 0.1\nspeed = 3", "canary.speed"), ("unsafe = 0.01", "unsafe = 1", "canary.margins.unsafe"),
        ("unsafe = 0.01", "rude = 0.01", "canary.margins.rude"),
    ],
)  # fmt: skip
def test_a_canary_that_makes_no_sense_is_refused_by_name(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in CANARY
    path = tmp_path / "mine.toml"
    path.write_text(TEXT + CANARY.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"mine\.toml: {field.replace('.', '[.]')}: "):
        load_policy(path)
