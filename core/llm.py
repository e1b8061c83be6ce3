"""Language models behind an OpenAI-compatible endpoint, and a scripted stand-in for tests and demonstrations."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

import httpx
import openai
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionStreamOptionsParam
from openai.types.chat.chat_completion_chunk import Choice
from openai.types.completion_choice import CompletionChoice

from core.errors import BadInput, Garbled, NotFound, TimedOut, Unavailable
from core.tracing import outgoing
from core.types import Message, ToolCall, Value

_WITH_USAGE: Final[ChatCompletionStreamOptionsParam] = {"include_usage": True}
_Ask = Callable[[Mapping[str, str]], Awaitable[openai.AsyncStream[Any]]]


class Chunk(Value):
    """A piece of a streamed reply; the last one carries the reason why it ended, the tools it calls and the token counts."""

    text: str = ""
    logprobs: tuple[dict[str, Any], ...] = ()
    """OpenAI's objects of the tokens in `text`, when they were asked for."""
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatModel(Protocol):
    """Both raise Unavailable when the endpoint does not answer, NotFound for an unknown model, BadInput when it refuses the request."""

    def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Streams the reply of `model` to a conversation. `options` are OpenAI's parameters of a chat completion."""
        ...

    def stream_text(self, model: str, prompt: str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Streams how `model` goes on with a bare text, without a chat template. `options` are OpenAI's parameters of a completion."""
        ...


async def complete(chat: ChatModel, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> tuple[str, Chunk]:
    """The whole reply and its last chunk."""
    text, last = "", Chunk()
    async for last in chat.stream(model, messages, options):
        text += last.text
    return text, last


class OpenAIChat:
    """Any OpenAI-compatible endpoint: vLLM, our own gateway, a vendor's."""

    def __init__(self, base_url: str, api_key: str = "none", timeout_seconds: float = 120.0) -> None:
        # A proxy that the environment names reaches vendors; it does not reach this machine's own vLLM.
        is_local = urlsplit(base_url).hostname in {"127.0.0.1", "localhost", "::1"}
        transport = openai.DefaultAsyncHttpxClient(trust_env=not is_local)
        self._key = api_key
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key=api_key, timeout=timeout_seconds, max_retries=0, http_client=transport)

    def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        asked = cast("list[ChatCompletionMessageParam]", [_as_openai(m) for m in messages])  # our roles are OpenAI's
        create, body = self._client.chat.completions.create, dict(options)
        return self._chunks(
            model,
            lambda headers: create(model=model, messages=asked, stream=True, stream_options=_WITH_USAGE, extra_body=body, extra_headers=headers),
            _Chat(),
        )

    def stream_text(self, model: str, prompt: str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        create, body = self._client.completions.create, dict(options)
        return self._chunks(
            model,
            lambda headers: create(model=model, prompt=prompt, stream=True, stream_options=_WITH_USAGE, extra_body=body, extra_headers=headers),
            _Text(),
        )

    async def _chunks(self, model: str, ask: _Ask, form: "_Chat | _Text") -> AsyncGenerator[Chunk, None]:
        with outgoing("model", {"gen_ai.request.model": model}) as headers:
            async with aclosing(self._read(model, partial(ask, headers), form)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _read(self, model: str, ask: Callable[[], Awaitable[openai.AsyncStream[Any]]], form: "_Chat | _Text") -> AsyncGenerator[Chunk, None]:
        try:
            stream = await ask()
            async with stream:
                if stream.response.headers.get("content-type", "").startswith("text/html"):
                    raise Garbled("The model endpoint answers with a web page; is its address right?")
                finish_reason, usage = None, None
                async for event in stream:
                    usage = event.usage or usage
                    if event.choices:
                        finish_reason = event.choices[0].finish_reason or finish_reason
                        if text := form.read(event.choices[0]):
                            yield Chunk(text=text, logprobs=form.logprobs(event.choices[0]))
            if finish_reason is None:
                raise Garbled("The model endpoint ended its reply without a reason; try again shortly")
            prompt_tokens, completion_tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
            yield Chunk(finish_reason=finish_reason, tool_calls=form.calls(), prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
        except openai.NotFoundError as error:
            raise NotFound(f"The model endpoint does not know {model!r}") from error
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise BadInput(f"The model refused the request: {self._without_key(_message(error))}") from error
        except (openai.APITimeoutError, httpx.TimeoutException) as error:
            raise TimedOut("The model endpoint did not answer in time; try again shortly") from error
        except json.JSONDecodeError as error:
            raise Garbled("The model endpoint answered with broken JSON; try again shortly") from error
        # While a stream is read, the client lets errors of the connection and of its JSON through as they are.
        except (openai.APIError, httpx.HTTPError, OSError) as error:
            raise Unavailable(f"The model endpoint does not answer ({type(error).__name__}); try again shortly") from error

    def _without_key(self, text: str) -> str:
        """Some endpoints send the request's headers back; what they say ends in reports and logs. Local ones have no key but "none"."""
        return text.replace(self._key, "***") if self._key != "none" else text

    async def close(self) -> None:
        await self._client.close()


class _Chat:
    """The events of a chat completion. Tool calls come in pieces, which make sense only together."""

    def __init__(self) -> None:
        self._calls: dict[int, ToolCall] = {}

    def read(self, choice: Choice) -> str:
        for part in choice.delta.tool_calls or ():
            before = self._calls.get(part.index, ToolCall(id="", name="", arguments=""))
            name, arguments = (part.function.name or "", part.function.arguments or "") if part.function else ("", "")
            self._calls[part.index] = ToolCall(id=before.id or part.id or "", name=before.name + name, arguments=before.arguments + arguments)
        return choice.delta.content or ""

    def logprobs(self, choice: Choice) -> tuple[dict[str, Any], ...]:
        found = choice.logprobs.content if choice.logprobs else None
        return tuple(token.model_dump() for token in found or ())

    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls[index] for index in sorted(self._calls))


class _Text:
    """The events of a completion; log-probabilities come as parallel lists, and leave as they do in a chat."""

    def read(self, choice: CompletionChoice) -> str:
        return choice.text

    def logprobs(self, choice: CompletionChoice) -> tuple[dict[str, Any], ...]:
        if (found := choice.logprobs) is None:
            return ()
        tops = found.top_logprobs or [{}] * len(found.tokens or ())
        return tuple(
            {"token": token, "logprob": value, "top_logprobs": [{"token": t, "logprob": v} for t, v in (top or {}).items()]}
            for token, value, top in zip(found.tokens or (), found.token_logprobs or (), tops, strict=True)
        )

    def calls(self) -> tuple[ToolCall, ...]:
        return ()


def _as_openai(message: Message) -> dict[str, Any]:
    asked: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        asked["tool_calls"] = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls]
    return asked if message.tool_call_id is None else asked | {"tool_call_id": message.tool_call_id}


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    return str(body.get("message", body)) if isinstance(body, dict) else str(error.message)


class ScriptedChat:
    """Answers by a function of the messages: for tests and for demonstrations that say so."""

    def __init__(self, answer: Callable[[Sequence[Message]], str]) -> None:
        self._answer = answer

    def stream_text(self, model: str, prompt: str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        return self.stream(model, [Message(role="user", content=prompt)], options)

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        words = self._answer(messages).split(" ")
        for position, word in enumerate(words):
            yield Chunk(text=word if position == 0 else f" {word}")
        yield Chunk(finish_reason="stop", prompt_tokens=sum(len(m.content.split()) for m in messages), completion_tokens=len(words))
