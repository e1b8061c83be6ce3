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
        ('required = ["domain",', 'required = ["surgery",', "required.0"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in TEXT
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
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
