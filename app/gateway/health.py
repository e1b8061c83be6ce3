"""/healthz: this process answers. /readyz: it could answer a question now; says which part is missing and what to do."""

from anyio.to_thread import run_sync
from fastapi import APIRouter
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.gateway.house import house
from app.gateway.upstream import served
from core import store
from core.db import reading
from core.errors import AppError
from core.settings import settings

router = APIRouter()

_TIMEOUT_SECONDS = 2.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` says what is not"}})
async def readyz(request: Request) -> JSONResponse:
    """200 when database, knowledge, Redis and vLLM (with the production checkpoint loaded) are there, else 503; `checks` says what is not."""
    database, checkpoint_id = await _database()
    checks = {"database": database, "knowledge": await _knowledge(request), "redis": await _redis(), "vllm": await _vllm(checkpoint_id)}
    is_ready = all(state == "ok" for state in checks.values())
    return JSONResponse({"ready": is_ready, "checkpoint_id": checkpoint_id, "checks": checks}, status_code=200 if is_ready else 503)


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


async def _vllm(checkpoint_id: str | None) -> str:
    try:
        names = await run_sync(served)
    except AppError as error:
        return str(error)
    return "ok" if checkpoint_id in names else f"vLLM has not loaded {checkpoint_id}"
