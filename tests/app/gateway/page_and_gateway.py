"""One process as in production: the page's client calls the gateway beside it, whose model is whatever answers at VLLM_URL.

`python -m tests.app.gateway.page_and_gateway QUESTION` prints what the client was told, as JSON. A process of its own, because a process
can turn tracing on but not off again.
"""

import asyncio
import json
import sys

import uvicorn

from app.api_client import Api, ReplyEnd, ReplyStart
from app.server import create_app
from core.errors import AppError
from core.settings import settings
from core.types import Message
from tests.app.gateway.ward import furnish


async def ask(question: str) -> dict[str, object]:
    _, keys = furnish()
    server = uvicorn.Server(uvicorn.Config(create_app(pages=False), host=settings().host, port=settings().port, log_config=None))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    told: dict[str, object] = {}
    try:
        async for event in Api(keys["ana"]).chat([Message(role="user", content=question)], None, 0.0):
            if isinstance(event, ReplyStart):
                told["turn"] = event.turn_id
            elif isinstance(event, ReplyEnd):
                told["finish_reason"] = event.finish_reason
    except AppError as error:
        told["error"] = type(error).__name__
    server.should_exit = True
    await running
    return told | {"key": keys["ana"], "exports": "opentelemetry.exporter" in sys.modules}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(sys.argv[1]))))
