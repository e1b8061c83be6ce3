"""Language models behind an OpenAI-compatible endpoint, and a scripted stand-in for tests and demonstrations."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel

from core.errors import AppError, BadInput, Garbled, NotFound, TimedOut, Unavailable
from core.tracing import outgoing
from core.types import Message, ToolCall, Value

_IDLE_SECONDS = 3.0
_CONNECT_SECONDS = 5.0


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


class _Function(BaseModel):
    name: str | None = None
    arguments: str | None = None


class _CallPart(BaseModel):
    index: int = 0
    id: str | None = None
    function: _Function = _Function()


class _Delta(BaseModel):
    content: str | None = None
    tool_calls: tuple[_CallPart, ...] | None = None


class _Choice(BaseModel):
    """Of a chat, with a `delta`, or of a completion, with a `text`."""

    delta: _Delta = _Delta()
    text: str | None = None
    logprobs: dict[str, Any] | None = None
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Event(BaseModel):
    """What is read of an event of a stream."""

    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: Any = None


class OpenAIChat:
    """Any OpenAI-compatible endpoint: vLLM, our own gateway, a vendor's. Belongs to the event loop that first asks it.

    Its events are read here and not by OpenAI's client, which makes an object of every one: of a token it took three quarters of all time.
    """

    def __init__(self, base_url: str, api_key: str = "none", timeout_seconds: float = 120.0) -> None:
        """`timeout_seconds` is for each wait for a piece of the reply; a connection is there sooner or not at all."""
        self._url = base_url.rstrip("/")
        self._key = api_key
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(timeout_seconds, _CONNECT_SECONDS), sock_read=timeout_seconds)
        self._opened: aiohttp.ClientSession | None = None

    def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        return self._chunks("chat/completions", model, {"messages": [_as_openai(m) for m in messages], **options})

    def stream_text(self, model: str, prompt: str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        return self._chunks("completions", model, {"prompt": prompt, **options})

    async def _chunks(self, path: str, model: str, body: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        asked = {"model": model, "stream": True, "stream_options": {"include_usage": True}, **body}
        finish_reason, usage, calls = None, _Usage(), dict[int, ToolCall]()
        try:
            with outgoing("model", {"gen_ai.request.model": model}) as trace:
                async with self._session().post(f"{self._url}/{path}", json=asked, headers=trace) as response:
                    if response.status >= 400:
                        raise self._refusal(response.status, model, await response.text(errors="replace"))
                    if response.content_type == "text/html":
                        raise Garbled("The model endpoint answers with a web page; is its address right?")
                    # To the end, past [DONE]: only then is the connection used again.
                    async for line in response.content:
                        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
                        if data in (b"", b"[DONE]"):
                            continue
                        event = _Event.model_validate_json(data)
                        if event.error:
                            raise Unavailable(f"The model endpoint broke off ({self._without_key(str(event.error))}); try again shortly")
                        usage = event.usage or usage
                        if event.choices:
                            choice = event.choices[0]
                            finish_reason = choice.finish_reason or finish_reason
                            _collect(calls, choice.delta.tool_calls or ())
                            if text := choice.delta.content or choice.text:
                                yield Chunk(text=text, logprobs=_tokens(choice.logprobs) if choice.logprobs else ())
        except TimeoutError as error:
            raise TimedOut("The model endpoint did not answer in time; try again shortly") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"The model endpoint does not answer ({type(error).__name__}); try again shortly") from error
        except ValueError as error:
            raise Garbled("The model endpoint answered with broken JSON; try again shortly") from error
        if finish_reason is None:
            raise Garbled("The model endpoint ended its reply without a reason; try again shortly")
        whole = tuple(calls[index] for index in sorted(calls))
        yield Chunk(finish_reason=finish_reason, tool_calls=whole, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)

    def _session(self) -> aiohttp.ClientSession:
        """Made with the first request, because it belongs to the loop that runs then."""
        if self._opened is None:
            # A proxy that the environment names reaches vendors; it does not reach this machine's own vLLM.
            is_local = urlsplit(self._url).hostname in {"127.0.0.1", "localhost", "::1"}
            # vLLM closes a connection that was idle for 5 s; one that is used again at that moment would fail.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS)
            headers = {"Authorization": f"Bearer {self._key}"}
            self._opened = aiohttp.ClientSession(connector=connector, headers=headers, timeout=self._timeout, trust_env=not is_local)
        return self._opened

    def _refusal(self, status: int, model: str, body: str) -> AppError:
        if status == 404:
            return NotFound(f"The model endpoint does not know {model!r}")
        if status in (400, 422):
            return BadInput(f"The model refused the request: {self._without_key(_message(body))}")
        return Unavailable(f"The model endpoint does not answer (status {status}); try again shortly")

    def _without_key(self, text: str) -> str:
        """Some endpoints send the request's headers back; what they say ends in reports and logs. Local ones have no key but "none"."""
        return text.replace(self._key, "***") if self._key != "none" else text

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


def _message(body: str) -> str:
    """What an endpoint says for its refusal: OpenAI's `error.message`, else all of it."""
    try:
        said = json.loads(body)
        return str(said["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body


def _collect(calls: dict[int, ToolCall], parts: Sequence[_CallPart]) -> None:
    """Tool calls come in pieces, which make sense only together."""
    for part in parts:
        before = calls.get(part.index, ToolCall(id="", name="", arguments=""))
        name, arguments = part.function.name or "", part.function.arguments or ""
        calls[part.index] = ToolCall(id=before.id or part.id or "", name=before.name + name, arguments=before.arguments + arguments)


def _tokens(logprobs: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """A chat's tokens as they are; those of a completion, which come as parallel lists, in the same form."""
    if "tokens" not in logprobs:
        return tuple(logprobs.get("content") or ())
    tops = logprobs.get("top_logprobs") or [{}] * len(logprobs["tokens"])
    return tuple(
        {"token": token, "logprob": value, "top_logprobs": [{"token": t, "logprob": v} for t, v in (top or {}).items()]}
        for token, value, top in zip(logprobs["tokens"], logprobs["token_logprobs"], tops, strict=True)
    )


def _as_openai(message: Message) -> dict[str, Any]:
    asked: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        asked["tool_calls"] = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls]
    return asked if message.tool_call_id is None else asked | {"tool_call_id": message.tool_call_id}


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
