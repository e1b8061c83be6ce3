"""Walk: checkpoints promoted under load. The long version is `make bench-promotions`."""

import pytest

from tests.benchmarks.promotions import measure
from tests.stack import Stack

pytestmark = pytest.mark.flow


def test_no_request_fails_and_none_is_answered_by_another_checkpoint_than_it_names(stack: Stack) -> None:
    result = measure(stack, promotions=5, requests=100)
    assert not result.failures
    assert not result.differing, "each text is what its checkpoint says alone"
    assert len(result.flips) == 5
    assert any(r.across for r in result.replies)
    assert result.telling > 0.5, "else the texts would not show a wrong attribution"
