"""What the admin page offers."""

from typing import Any

import pytest

from app.admin import actions
from tests.app.admin.test_render import checkpoint


async def test_only_what_the_gateway_calls_promotable_is_offered_the_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base model that was made again keeps its name: names do not tell."""
    rows = [checkpoint(name, None).model_copy(update={"promotable": name != "cp-2"}) for name in ("cp-1", "cp-2", "cp-3")]

    class Gateway:
        async def checkpoints(self) -> list[Any]:
            return rows

        async def exams(self) -> list[Any]:
            return []

    monkeypatch.setattr(actions, "api", lambda _: Gateway())
    request: Any = None
    _, choice, *_ = await actions.load_checkpoints(request)
    assert (choice["choices"], choice["value"]) == (["cp-3", "cp-1"], "cp-3")
