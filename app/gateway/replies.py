"""What clients get: OpenAI's replies, whole or as the events of a stream, with our additions under `balancedbio`."""

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol

from core.types import Claim, Evidence, SafetyFinding, ToolCall, Value


class Extension(Value):
    """What we add to a reply: which turn it became, which weights answered, and what the knowledge base says of it."""

    turn_id: str
    conversation_id: str
    checkpoint_id: str
    evidence: tuple[Evidence, ...] = ()
    """What the model was given to answer from: a reply's [1] is the first."""
    claims: tuple[Claim, ...] = ()
    findings: tuple[SafetyFinding, ...] = ()
    withheld: bool = False
    """The safety check stopped the reply; a finding says why."""


class Piece(NamedTuple):
    """Something that may be shown."""

    text: str = ""
    logprobs: tuple[dict[str, Any], ...] = ()
    """Of the model's tokens in `text`; what the guard says has none."""
    tool_calls: tuple[ToolCall, ...] = ()


class Shape(Protocol):
    """How one of the two kinds of completion writes its choices."""

    whole: str
    """`object` of a reply that is not streamed."""
    event: str
    """`object` of one event of a stream."""

    def begin(self) -> dict[str, Any] | None:
        """The part of a choice that opens a stream, if it has one."""
        ...

    def part(self, piece: Piece) -> dict[str, Any]:
        """The part of a choice that carries a piece; an empty one goes with the reason why it ended."""
        ...

    def all(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """A whole choice."""
        ...


class ChatShape:
    whole, event = "chat.completion", "chat.completion.chunk"

    def begin(self) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": ""}, "logprobs": None}

    def part(self, piece: Piece) -> dict[str, Any]:
        delta: dict[str, Any] = {"content": piece.text} if piece.text else {}
        if piece.tool_calls:
            delta["tool_calls"] = [{"index": index, **_call(call)} for index, call in enumerate(piece.tool_calls)]
        return {"delta": delta, "logprobs": {"content": piece.logprobs} if piece.logprobs else None}

    def all(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        text, logprobs = _text(pieces), _logprobs(pieces)
        calls = [_call(call) for piece in pieces for call in piece.tool_calls]
        message = {"role": "assistant", "content": text or (None if calls else "")} | ({"tool_calls": calls} if calls else {})
        return {"message": message, "logprobs": {"content": logprobs} if logprobs else None}


class TextShape:
    whole = event = "text_completion"

    def begin(self) -> None:
        return None

    def part(self, piece: Piece) -> dict[str, Any]:
        return {"text": piece.text, "logprobs": _columns(piece.logprobs)}

    def all(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        return {"text": _text(pieces), "logprobs": _columns(_logprobs(pieces))}


def head(kind: str, first: Extension) -> dict[str, Any]:
    """What a reply and each of its events begin with."""
    return {"id": first.turn_id, "object": kind, "created": int(time.time()), "model": first.checkpoint_id}


def choice(index: int, body: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, **body, "finish_reason": finish_reason}


def added(extensions: Sequence[Extension]) -> dict[str, Any]:
    """Our field. Of several choices it describes the first, and `choices` all of them, in order."""
    shown = [extension.model_dump(mode="json") for extension in extensions]
    return {"balancedbio": shown[0] if len(shown) == 1 else {**shown[0], "choices": shown}}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": prompt_tokens + completion_tokens}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _logprobs(pieces: Sequence[Piece]) -> tuple[dict[str, Any], ...]:
    return tuple(chain.from_iterable(piece.logprobs for piece in pieces))


def _columns(tokens: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The tokens of a plain completion, as parallel lists. Without `text_offset`, which what the guard says would shift."""
    if not tokens:
        return None
    tops = [{top["token"]: top["logprob"] for top in token.get("top_logprobs") or ()} for token in tokens]
    return {"tokens": [t["token"] for t in tokens], "token_logprobs": [t["logprob"] for t in tokens], "top_logprobs": tops}
