"""`python -m tests.benchmarks.serving.upstream PORT MODEL`: a mock of vLLM's server. No language model is involved.

It speaks the part of vLLM's protocol that the gateway and LiteLLM use: chat completions (streamed and whole), models, health, adapters.
Tokens leave at moments that are fixed when the request arrives, so that a busy mock does not slow a reply down unless it falls behind.
"""

import asyncio
import json
import sys
import time
from typing import Any
from uuid import uuid4

import uvloop
from aiohttp import web

from tests.benchmarks.serving.replies import answer_to, due


def app(model: str) -> web.Application:
    made = web.Application()
    made["model"] = model
    made.add_routes(
        [
            web.post("/v1/chat/completions", _chat),
            web.get("/v1/models", _models),
            web.get("/health", _empty),
            web.post("/v1/load_lora_adapter", _adapter),
            web.post("/v1/unload_lora_adapter", _adapter),
        ]
    )
    return made


async def _chat(request: web.Request) -> web.StreamResponse:
    arrived = time.monotonic()
    asked = await request.json()
    tokens = answer_to(asked["messages"][-1]["content"]).tokens
    head = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": asked["model"]}
    usage = {"prompt_tokens": 64, "completion_tokens": len(tokens), "total_tokens": 64 + len(tokens)}
    if not asked.get("stream"):
        await _until(arrived + due(len(tokens) - 1))
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(tokens)}, "logprobs": None, "finish_reason": "stop"}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)

    async def send(choices: list[dict[str, Any]], **more: Any) -> None:
        event = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        await response.write(f"data: {json.dumps(event)}\n\n".encode())

    for number, token in enumerate(tokens):
        await _until(arrived + due(number))
        if number == 0:
            await send([{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}])
        await send([{"index": 0, "delta": {"content": token}, "logprobs": None, "finish_reason": None, "token_ids": None}])
    await send([{"index": 0, "delta": {"content": ""}, "logprobs": None, "finish_reason": "stop", "stop_reason": None, "token_ids": None}])
    if (asked.get("stream_options") or {}).get("include_usage"):
        await send([], usage=usage)
    await response.write(b"data: [DONE]\n\n")
    return response


async def _until(moment: float) -> None:
    if (left := moment - time.monotonic()) > 0:
        await asyncio.sleep(left)


async def _models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": request.app["model"], "object": "model", "created": 0, "owned_by": "vllm", "root": "mock"}]})


async def _empty(_: web.Request) -> web.Response:
    return web.Response()


async def _adapter(_: web.Request) -> web.Response:
    return web.Response(text="Success")


if __name__ == "__main__":
    uvloop.install()
    web.run_app(app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
