"""/healthz: this process answers. /readyz: it could answer a question now; says which part is missing and what to do."""

import asyncio

import httpx
from anyio.to_thread import run_sync
from fastapi import APIRouter
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.gateway.house import house
from core import store
from core.db import reading
from core.errors import AppError, Unavailable
from core.replicas import served_at
from core.settings import settings

router = APIRouter()

_TIMEOUT_SECONDS = 2.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` says what is not"}})
async def readyz(request: Request) -> JSONResponse:
    """200 when database, knowledge, Redis and a vLLM with the production checkpoint loaded are there, else 503; `checks` says what is not.

    `replicas` says the same of every vLLM; one that serves production is enough.
    """
    database, checkpoint_id = await _database()
    replicas = await _replicas(checkpoint_id)
    vllm = "ok" if "ok" in replicas.values() else next(iter(replicas.values()))
    checks = {"database": database, "knowledge": await _knowledge(request), "redis": await _redis(), "vllm": vllm}
    is_ready = all(state == "ok" for state in checks.values())
    body = {"ready": is_ready, "checkpoint_id": checkpoint_id, "checks": checks, "replicas": replicas}
    return JSONResponse(body, status_code=200 if is_ready else 503)


async def _database() -> tuple[str, str | None]:
    try:
        return "ok", await run_sync(_production_id)
    except AppError as error:
        return str(error), None


def _production_id() -> str:
    with reading() as session:
        return store.production(session).id


async def _knowledge(request: Request) -> str:
    """The version in use loads; the first question need not wait for it then."""
    try:
        await run_sync(house(request).knowledge)
    except AppError as error:
        return f"{error}; `balancedbio knowledge use builtin` goes back to what the product ships"
    return "ok"


async def _redis() -> str:
    client = Redis.from_url(settings().redis_url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        return f"Redis does not answer ({type(error).__name__}); rounds wait, chat works"
    finally:
        await client.aclose()
    return "ok"


async def _replicas(checkpoint_id: str | None) -> dict[str, str]:
    """Asked at the same time: one that hangs must not hold up what is said of the others."""
    addresses = settings().vllm_replicas
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
        states = await asyncio.gather(*(_replica(url, client, checkpoint_id) for url in addresses.values()))
    return dict(zip(addresses, states, strict=True))


async def _replica(url: str, client: httpx.AsyncClient, checkpoint_id: str | None) -> str:
    try:
        served = await served_at(url, client)
    except Unavailable as error:
        return str(error)
    return "ok" if checkpoint_id in served else f"vLLM has not loaded {checkpoint_id}"
