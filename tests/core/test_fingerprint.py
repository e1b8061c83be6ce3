"""The distance by which an adapter is known again, and what is made of a file that cannot be read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArtifactError
from core.fingerprint import FILE, TOLERANCE, Fingerprint, deviation, read_fingerprint

log_probabilities = st.lists(st.floats(-30, 0), min_size=1, max_size=40)


def taken(values: list[float]) -> Fingerprint:
    return Fingerprint(prompt=(1,), continuation=tuple(range(len(values))), log_probabilities=tuple(values))


@given(log_probabilities)
def test_what_is_served_as_it_was_trained_does_not_deviate(values: list[float]) -> None:
    assert deviation(taken(values), values) == 0


@given(log_probabilities, st.floats(0.01, 5))
def test_what_is_off_everywhere_deviates_by_as_much(values: list[float], off: float) -> None:
    assert deviation(taken(values), [v + off for v in values]) == pytest.approx(off)
    assert deviation(taken(values), [v - off for v in values]) == pytest.approx(off)


def test_what_is_no_number_never_passes() -> None:
    assert not deviation(taken([-1.0]), [float("nan")]) <= TOLERANCE


def test_another_number_of_tokens_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="shorter"):
        deviation(taken([-1.0, -2.0]), [-1.0])


def test_a_file_is_read_as_it_was_written_and_an_older_adapter_has_none(tmp_path: Path) -> None:
    assert read_fingerprint(tmp_path) is None
    (tmp_path / FILE).write_text(taken([-0.125, -3.5]).model_dump_json())
    assert read_fingerprint(tmp_path) == taken([-0.125, -3.5])


@pytest.mark.parametrize("content", ["", "{}", '{"prompt": [1], "continuation": [2], "log_probabilities": [null]}'])
def test_a_file_that_cannot_be_read_is_an_error_not_an_older_adapter(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ArtifactError, match=FILE):
        read_fingerprint(tmp_path)
