"""The whole product, started once for all flows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack, started

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"GATE_POLICY": str(HERE / "policy.toml"), "ROUND_RECIPE": str(HERE / "recipe.toml"), "LEASE_SECONDS": "5"}
    with started(tmp_path_factory.mktemp("var"), **settings) as running:
        yield running
