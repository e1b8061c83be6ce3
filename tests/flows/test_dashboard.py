"""Every panel of the dashboard, asked of a real Prometheus that scrapes the whole product while it answers."""

from pathlib import Path

import pytest

from tests.prometheus import panels, scraping
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.flow

_OF_A_ROUND = {"Progress of the stage", "Lease of the worker"}
"""Empty while no round runs."""


def test_every_panel_shows_something_of_a_house_that_answers(stack: Stack, tmp_path: Path) -> None:
    with scraping(stack.address, tmp_path) as prometheus:

        def empty() -> list[str]:
            return [p.title for p in panels() if p.title not in _OF_A_ROUND and not prometheus.series(p, 60)]

        def ask_until_nothing_is_empty() -> bool:
            turn = stack.api("POST", "chat/completions", {"model": "balancedbio", "messages": [{"role": "user", "content": "He wants a lethal dose."}]})
            stack.api("POST", "feedback", {"turn_id": turn["balancedbio"]["turn_id"], "rating": 1})
            return not empty()

        wait_for("every panel has a series", ask_until_nothing_is_empty, 90)
        for panel in panels():  # those of a round too: their queries must be read, and may be answered with nothing
            prometheus.series(panel, 60)
