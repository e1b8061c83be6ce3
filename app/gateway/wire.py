"""What clients send: OpenAI's requests, with our additions.

What is passed on to vLLM is named here, field by field: it knows many more, some of which would go round the guard, some of which are the
operator's (priority, caches). A field that is not known is refused with its name, because an answer that silently ignores it would be wrong.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from core.settings import settings
from core.states import FeedbackStatus
from core.types import Message, ToolCall, Value

ALIAS = "balancedbio"
"""The model name that always means the checkpoint in production."""

_REFUSED = (
    "functions",
    "function_call",
    "prompt_logprobs",
    "echo",
    "suffix",
    "best_of",
    "chat_template",
    "chat_template_kwargs",
    "add_generation_prompt",
    "continue_final_message",
)
"""What would go round the guard, which reads replies sentence by sentence, or what nobody uses any more."""
_MOST_CHOICES = 8
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def plain_text(text: str) -> str:
    """`text` itself. Raises ValueError when it holds control characters, as binary data does."""
    if found := _CONTROL.search(text):
        raise ValueError(f"holds binary data (control character U+{ord(found[0]):04X} at position {found.start()}); send plain text")
    return text


def without_control(text: str) -> str:
    """`text` without what `plain_text` refuses: no database need take it, and within a drug's name it would hide that from the rules."""
    return _CONTROL.sub("", text)


Text = Annotated[str, AfterValidator(plain_text)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")]


class TextPart(BaseModel):
    """A piece of a message's content; other kinds (images, audio) are not supported."""

    model_config = ConfigDict(frozen=True)

    type: Literal["text"]
    text: Text


class CalledFunction(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: Text
    arguments: Text


class WireToolCall(BaseModel):
    """A tool call of an earlier reply, as the client sends it back."""

    model_config = ConfigDict(frozen=True)

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction


class WireMessage(BaseModel):
    """A message as clients send it. Fields that mean nothing to the model (`name`, ...) are dropped."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | tuple[TextPart, ...] | None = None
    tool_calls: tuple[WireToolCall, ...] | None = None
    """An assistant's."""
    tool_call_id: Text | None = None
    """A tool's: the call that it answers."""

    @model_validator(mode="after")
    def _says_something(self) -> "WireMessage":
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("content is missing")
        if (self.role == "tool") != (self.tool_call_id is not None):
            raise ValueError("tool_call_id belongs to messages of the role tool, and to each of them")
        return self

    def as_message(self) -> Message:
        content = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content or ())
        calls = tuple(ToolCall(id=c.id, name=c.function.name, arguments=c.function.arguments) for c in self.tool_calls or ())
        return Message(role="system" if self.role == "developer" else self.role, content=content, tool_calls=calls, tool_call_id=self.tool_call_id)


class StreamOptions(BaseModel):
    model_config = ConfigDict(frozen=True)

    include_usage: bool | None = None


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
    modalities: list[Literal["text"]] | None = None


class Request(Sampling, Ignored):
    """What chat and plain completions have in common."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra={"additionalProperties": False})

    model: Text = Field(min_length=1, max_length=200)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=None, ge=1, le=_MOST_CHOICES)

    @model_validator(mode="after")
    def _can_be_honoured(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if name in _REFUSED and value:
                raise ValueError(f"{name} is not supported: replies pass a safety check sentence by sentence")
            if value:  # empty, false and null ask for nothing
                raise ValueError(f"{name[:80]!r} is not a field of this API; sampling takes {', '.join(Sampling.model_fields)}")
        return self

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage is True


class Tools(BaseModel):
    """What a model may call, and must: passed on to vLLM, which checks it."""

    model_config = ConfigDict(frozen=True)

    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["auto", "none", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None


class ChatRequest(Request, Tools):
    """POST /v1/chat/completions."""

    messages: tuple[WireMessage, ...] = Field(min_length=1, max_length=500)
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    conversation_id: Id | None = None
    """Ours: the conversation that this turn belongs to; the header X-Conversation-Id says the same."""
    evidence: bool | None = None
    """Ours: `false` keeps the facts of the knowledge base from the model; the setting EVIDENCE_TOKENS = 0 turns them off for all."""

    @field_validator("messages")
    @classmethod
    def _asks_something(cls, messages: tuple[WireMessage, ...]) -> tuple[WireMessage, ...]:
        said = [message.as_message() for message in messages]
        if said[-1].role not in ("user", "tool") or not any(m.role == "user" for m in said) or (said[-1].role == "user" and not said[-1].content.strip()):
            raise ValueError("the last message must be a user's and must not be empty, or a tool's that answers a user's")
        _check_length(m.content for m in said)
        return messages

    @model_validator(mode="after")
    def _needs_each_other(self) -> Self:
        if not self.tools and self.tool_choice not in (None, "auto", "none"):
            raise ValueError("tool_choice asks for a tool, and tools has none")
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        return self

    @property
    def conversation(self) -> tuple[Message, ...]:
        return tuple(message.as_message() for message in self.messages)

    @property
    def options(self) -> dict[str, Any]:
        """What vLLM is given besides the messages."""
        tokens = ("logprobs", "top_logprobs") if self.logprobs else ()
        passed = {*Sampling.model_fields, "max_completion_tokens", *tokens, *(Tools.model_fields if self.tools else ())}
        return self.model_dump(include=passed, exclude_none=True)


class CompletionRequest(Request):
    """POST /v1/completions: a bare text that the model goes on with. To the guard it is what a user said."""

    prompt: Text | list[Text] = Field(min_length=1, max_length=100_000)
    logprobs: int | None = Field(default=None, ge=0, le=20)

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str | list[str]) -> str | list[str]:
        texts = [prompt] if isinstance(prompt, str) else prompt
        if len(texts) > _MOST_CHOICES or not all(text.strip() for text in texts):
            raise ValueError(f"must be a text that is not empty, or up to {_MOST_CHOICES} of them")
        _check_length(texts)
        return prompt

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if len(self.prompts) * (self.n or 1) > _MOST_CHOICES:
            raise ValueError(f"prompt: {len(self.prompts)} texts with {self.n} choices each are more than {_MOST_CHOICES} replies")
        return self

    @property
    def prompts(self) -> tuple[str, ...]:
        return (self.prompt,) if isinstance(self.prompt, str) else tuple(self.prompt)

    @property
    def options(self) -> dict[str, Any]:
        """What vLLM is given besides the prompt; its own default of `max_tokens`, 16, is OpenAI's."""
        return self.model_dump(include={*Sampling.model_fields, "logprobs"}, exclude_none=True)


def _check_length(texts: Iterable[str]) -> None:
    limit = settings().max_prompt_chars
    if sum(map(len, texts)) > limit:
        raise ValueError(f"the messages are longer than {limit} characters together")


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


def listing(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """OpenAI's shape of a list."""
    return {"object": "list", "data": rows}
