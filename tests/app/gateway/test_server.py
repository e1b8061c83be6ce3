"""The app as it is served: over a socket, to the public OpenAI client."""

import asyncio
import socket
from collections.abc import AsyncIterator

import openai
import pytest
import uvicorn

from app.server import create_app
from core.db import reading
from core.llm import ScriptedChat
from core.tables import Turn
from tests.app.gateway.ward import furnish


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    _, keys = furnish()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(ScriptedChat(lambda _: "Naproxen treats gout. " * 400), pages=False), log_config=None))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1", api_key=keys["ana"], max_retries=0) as opened:
        yield opened
    server.should_exit = True
    await running
    listener.close()


async def test_the_public_client_streams_an_answer_and_reads_errors(client: openai.AsyncOpenAI) -> None:
    text, last = "", None
    stream = await client.chat.completions.create(model="balancedbio", messages=[{"role": "user", "content": "Gout?"}], stream=True)
    async for last in stream:
        text += last.choices[0].delta.content or ""
    assert text == "Naproxen treats gout. " * 400
    assert last is not None
    assert (last.model_extra or {})["balancedbio"]["claims"]
    assert (await client.models.list()).data[0].id == "balancedbio"
    assert (await client.models.retrieve("balancedbio")).owned_by == "balancedbio"
    with pytest.raises(openai.NotFoundError, match="gpt-9"):
        await client.models.retrieve("gpt-9")
    with pytest.raises(openai.NotFoundError, match="gpt-9"):
        await client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "Gout?"}])
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="bb-wrong").models.list()


async def test_a_client_that_hangs_up_leaves_a_cancelled_turn(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="balancedbio", messages=[{"role": "user", "content": "Gout?"}], stream=True)
    await anext(aiter(stream))
    await stream.close()
    for _ in range(100):
        await asyncio.sleep(0.05)
        with reading() as session:
            if turn := session.query(Turn).one_or_none():
                break
    assert turn is not None
    assert turn.finish_reason == "cancelled"
