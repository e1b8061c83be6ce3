"""Language models behind an OpenAI-compatible endpoint, and a scripted stand-in for tests and demonstrations."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx
import openai
from openai.types.chat import ChatCompletionMessageParam

from core.errors import BadInput, Garbled, NotFound, TimedOut, Unavailable
from core.tracing import outgoing
from core.types import Message, Value


class Chunk(Value):
    """A piece of a streamed reply; the last one carries the reason why it ended and the token counts."""

    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatModel(Protocol):
    def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Streams the reply of `model`. `options` are OpenAI's sampling parameters.

        Raises Unavailable when the endpoint does not answer, NotFound for an unknown model, BadInput when it refuses the request.
        """
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

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        with outgoing("model", {"gen_ai.request.model": model}) as headers:
            async with aclosing(self._stream(model, messages, options, headers)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncGenerator[Chunk, None]:
        try:
            stream = await self._client.chat.completions.create(
                model=model,
                messages=cast("list[ChatCompletionMessageParam]", [m.model_dump() for m in messages]),  # our roles are OpenAI's
                stream=True,
                stream_options={"include_usage": True},
                extra_body=dict(options),
                extra_headers=headers,
            )
            async with stream:
                if stream.response.headers.get("content-type", "").startswith("text/html"):
                    raise Garbled("The model endpoint answers with a web page; is its address right?")
                finish_reason, usage = None, None
                async for event in stream:
                    usage = event.usage or usage
                    if event.choices:
                        finish_reason = event.choices[0].finish_reason or finish_reason
                        if text := event.choices[0].delta.content:
                            yield Chunk(text=text)
            if finish_reason is None:
                raise Garbled("The model endpoint ended its reply without a reason; try again shortly")
            prompt_tokens, completion_tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
            yield Chunk(finish_reason=finish_reason, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
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


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    return str(body.get("message", body)) if isinstance(body, dict) else str(error.message)


class ScriptedChat:
    """Answers by a function of the messages: for tests and for demonstrations that say so."""

    def __init__(self, answer: Callable[[Sequence[Message]], str]) -> None:
        self._answer = answer

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        words = self._answer(messages).split(" ")
        for position, word in enumerate(words):
            yield Chunk(text=word if position == 0 else f" {word}")
        yield Chunk(finish_reason="stop", prompt_tokens=sum(len(m.content.split()) for m in messages), completion_tokens=len(words))
