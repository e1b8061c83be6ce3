"""What goes over the wire: OpenAI's request and reply shapes, with our additions under `balancedbio`.

What is passed on to vLLM is named here, field by field: it knows many more, some of which would go round the guard, some of which are the
operator's (priority, caches). A field that is not known is refused with its name, because an answer that silently ignores it would be wrong.
"""

import re
import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from core.settings import settings
from core.states import FeedbackStatus
from core.types import Claim, Evidence, Message, SafetyFinding, Value

ALIAS = "balancedbio"
"""The model name that always means the checkpoint in production."""

_REFUSED = (
    "tools",
    "functions",
    "function_call",
    "logprobs",
    "top_logprobs",
    "prompt_logprobs",
    "echo",
    "chat_template",
    "chat_template_kwargs",
    "add_generation_prompt",
    "continue_final_message",
)
"""The guard, which reads replies sentence by sentence, could not honour them."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def plain_text(text: str) -> str:
    """`text` itself. Raises ValueError when it holds control characters, as binary data does."""
    if found := _CONTROL.search(text):
        raise ValueError(f"holds binary data (control character U+{ord(found[0]):04X} at position {found.start()}); send plain text")
    return text


Text = Annotated[str, AfterValidator(plain_text)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")]


class TextPart(BaseModel):
    """A piece of a message's content; other kinds (images, audio) are not supported."""

    model_config = ConfigDict(frozen=True)

    type: Literal["text"]
    text: Text


class WireMessage(BaseModel):
    """A message as clients send it. Fields beyond role and content (`name`, ...) mean nothing to the model and are dropped."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | tuple[TextPart, ...]

    def as_message(self) -> Message:
        content = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return Message(role="system" if self.role == "developer" else self.role, content=content)


class StreamOptions(BaseModel):
    model_config = ConfigDict(frozen=True)

    include_usage: bool = False


class Sampling(BaseModel):
    """How a reply is drawn, and its form: all that is passed on to vLLM, which checks what fits the model. None: its own default."""

    model_config = ConfigDict(frozen=True)

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    min_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    response_format: dict[str, Any] | None = None


class Ignored(BaseModel):
    """What OpenAI's clients may send that asks for nothing here."""

    model_config = ConfigDict(frozen=True)

    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    prediction: Any = None
    parallel_tool_calls: Any = None
    tool_choice: Literal["auto", "none"] | None = None
    modalities: list[Literal["text"]] | None = None


class ChatRequest(Sampling, Ignored):
    """POST /v1/chat/completions."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra={"additionalProperties": False})

    model: Text = Field(min_length=1, max_length=200)
    messages: tuple[WireMessage, ...] = Field(min_length=1, max_length=500)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    conversation_id: Id | None = None
    """Ours: the conversation that this turn belongs to; the header X-Conversation-Id says the same."""
    evidence: bool = True
    """Ours: whether the model is given facts of the knowledge base with the question; the setting EVIDENCE_TOKENS = 0 turns them off for all."""

    @field_validator("n")
    @classmethod
    def _one_choice(cls, value: int | None) -> int | None:
        if value not in (None, 1):
            raise ValueError("only one choice per request is supported")
        return value

    @field_validator("messages")
    @classmethod
    def _asks_something(cls, messages: tuple[WireMessage, ...]) -> tuple[WireMessage, ...]:
        last = messages[-1].as_message()
        if last.role != "user" or not last.content.strip():
            raise ValueError("the last message must be a user's and must not be empty")
        limit = settings().max_prompt_chars
        if sum(len(message.as_message().content) for message in messages) > limit:
            raise ValueError(f"the messages are longer than {limit} characters together")
        return messages

    @model_validator(mode="after")
    def _can_be_honoured(self) -> "ChatRequest":
        for name, value in (self.model_extra or {}).items():
            if name in _REFUSED and value:
                raise ValueError(f"{name} is not supported: replies pass a safety check sentence by sentence")
            if value:  # empty, false and null ask for nothing
                raise ValueError(f"{name[:80]!r} is not a field of this API; sampling takes {', '.join(Sampling.model_fields)}")
        return self

    @property
    def conversation(self) -> tuple[Message, ...]:
        return tuple(message.as_message() for message in self.messages)

    @property
    def options(self) -> dict[str, Any]:
        """What vLLM is given besides the messages."""
        return self.model_dump(include=set(Sampling.model_fields), exclude_none=True)


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


class FeedbackRequest(Value):
    """POST /v1/feedback: one judgement of one turn."""

    turn_id: Id
    rating: Literal[-1, 1] | None = None
    correction: Text | None = Field(default=None, max_length=8_000)
    comment: Text | None = Field(default=None, max_length=8_000)
    unsafe: bool = False
    simulated: bool = False
    """Made by a script, not by a person; reviewers see it."""

    @model_validator(mode="after")
    def _says_something(self) -> "FeedbackRequest":
        if self.rating is None and not self.unsafe and not (self.correction or "").strip() and not (self.comment or "").strip():
            raise ValueError("give a rating, a correction, a comment or the unsafe flag")
        return self


class ReviewRequest(Value):
    """POST /v1/feedback/{id}/review."""

    status: Literal[FeedbackStatus.ACCEPTED, FeedbackStatus.REJECTED]


class RoundRequest(Value):
    """POST /v1/rounds. A recipe's name, never a path: the caller does not read files of the server."""

    recipe: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] | None = None


def completion(extension: Extension, text: str, finish_reason: str, usage: dict[str, int]) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": finish_reason}
    head = _head("chat.completion", extension)
    return head | {"choices": [choice], "usage": usage, "balancedbio": extension.model_dump(mode="json")}


def delta_chunk(extension: Extension, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    """One event of a streamed reply."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _head("chat.completion.chunk", extension) | {"choices": [choice]}


def last_chunk(extension: Extension, usage: dict[str, int] | None) -> dict[str, Any]:
    """The event before [DONE]: no text, but what became of the turn."""
    chunk = _head("chat.completion.chunk", extension) | {"choices": [], "balancedbio": extension.model_dump(mode="json")}
    return chunk if usage is None else chunk | {"usage": usage}


def _head(kind: str, extension: Extension) -> dict[str, Any]:
    return {"id": extension.turn_id, "object": kind, "created": int(time.time()), "model": extension.checkpoint_id}


def listing(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """OpenAI's shape of a list."""
    return {"object": "list", "data": rows}
