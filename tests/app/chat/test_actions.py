"""What the chat page remembers of a conversation after a question, however that one ended."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from app.api_client import ReplyEvent, ReplyStart, ReplyText
from app.chat import actions
from app.chat.transcript import ChatTurn, Transcript, TurnState
from core.errors import Unavailable
from core.settings import Settings
from core.types import Message

HELD = ChatTurn(question="Gout?", text="Naproxen.", state=TurnState.ANSWERED, turn_id="turn-0")


class Gateway:
    """Says what it was told to, then is gone."""

    def __init__(self, *said: ReplyEvent) -> None:
        self.said = said

    async def chat(self, messages: Sequence[Message], conversation_id: str | None, temperature: float) -> AsyncIterator[ReplyEvent]:
        for event in self.said:
            yield event
        raise Unavailable("The database did not answer")


@pytest.fixture(autouse=True)
def _own(test_settings: Settings) -> None:
    """The page reads the settings."""


async def asked(monkeypatch: pytest.MonkeyPatch, transcript: Transcript, *said: ReplyEvent) -> Transcript:
    monkeypatch.setattr(actions, "api", lambda _: Gateway(*said))
    request: Any = None
    shown = [values async for values in actions.ask("And colchicine?", transcript, request)]
    return Transcript.model_validate(shown[-1][1])


@pytest.mark.parametrize("text", ["", "Half an ans"])
async def test_a_conversation_whose_first_turn_broke_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """It may not have been stored, and then every further question would be refused."""
    start = ReplyStart(turn_id="turn-1", conversation_id="conv-1", checkpoint_id="cp-1")
    after = await asked(monkeypatch, Transcript(), start, *([ReplyText(text=text)] if text else []))
    assert after.conversation_id is None
    assert [turn.text for turn in after.turns] == ([text] if text else [])


async def test_a_conversation_that_is_stored_survives_a_turn_that_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    start = ReplyStart(turn_id="turn-1", conversation_id="conv-0", checkpoint_id="cp-1")
    assert (await asked(monkeypatch, Transcript(conversation_id="conv-0", turns=(HELD,)), start)).conversation_id == "conv-0"
