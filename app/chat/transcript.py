"""What the page remembers of a conversation: frozen values, kept on the server for as long as the tab is open.

The page draws from it and never reads what the browser says of earlier messages.
"""

from collections.abc import Sequence
from enum import StrEnum

from app.gateway.replies import Extension
from core.reply import Reply, split_reply
from core.types import Message, Value


class TurnState(StrEnum):
    ANSWERING = "answering"
    ANSWERED = "answered"
    STOPPED = "stopped"
    """By the reader; what had been said by then is kept."""
    BROKEN = "broken"
    """The reply ended early through an error."""


class ChatTurn(Value):
    question: str
    text: str = ""
    """The reply as it came, thoughts included."""
    state: TurnState = TurnState.ANSWERING
    turn_id: str | None = None
    checkpoint_id: str | None = None
    extension: Extension | None = None
    finish_reason: str = ""
    rating: int | None = None
    left_out: int = 0
    """How many earlier turns the model was not shown, because they no longer fit."""

    @property
    def reply(self) -> Reply:
        return split_reply(self.text)


class Transcript(Value):
    conversation_id: str | None = None
    turns: tuple[ChatTurn, ...] = ()

    @property
    def last(self) -> ChatTurn | None:
        return self.turns[-1] if self.turns else None

    def turn(self, turn_id: str) -> ChatTurn | None:
        return next((t for t in self.turns if t.turn_id == turn_id), None)

    def asking(self, question: str) -> "Transcript":
        """With a new question, not yet answered."""
        return self.model_copy(update={"turns": (*self.turns, ChatTurn(question=question))})

    def with_last(self, **changes: object) -> "Transcript":
        """With changes to the last turn."""
        assert self.last is not None
        return self.model_copy(update={"turns": (*self.turns[:-1], self.last.model_copy(update=changes))})

    def without_last(self) -> "Transcript":
        return self.model_copy(update={"turns": self.turns[:-1]})

    def rated(self, turn_id: str, rating: int) -> "Transcript":
        turns = tuple(t.model_copy(update={"rating": rating}) if t.turn_id == turn_id else t for t in self.turns)
        return self.model_copy(update={"turns": turns})


def prompt(turns: Sequence[ChatTurn], room_chars: int) -> tuple[tuple[Message, ...], int]:
    """The messages to send for the last of `turns`, and how many earlier turns did not fit into `room_chars`.

    The newest earlier turns go first; one without any reply is not sent. The question itself always is.
    """
    question = turns[-1].question
    room, messages, kept = room_chars - len(question), [Message(role="user", content=question)], 0
    earlier = [t for t in turns[:-1] if t.reply.answer]
    for turn in reversed(earlier):
        room -= len(turn.question) + len(turn.text)
        if room < 0:
            break
        messages = [Message(role="user", content=turn.question), Message(role="assistant", content=turn.text), *messages]
        kept += 1
    return tuple(messages), len(earlier) - kept
