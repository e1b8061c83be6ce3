"""Who the caller is, and for admins who else there is: users and API keys, never a hash of either. They are made on the command line."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends
from starlette.requests import Request

from app.gateway.auth import AdminCaller, Caller, identify
from app.gateway.wire import listing
from core import store
from core.db import reading
from core.tables import ApiKey, User

router = APIRouter(prefix="/v1")


async def _caller(request: Request) -> Caller:
    return await run_sync(identify, request)


@router.get("/me")
def me(caller: Annotated[Caller, Depends(_caller)]) -> dict[str, Any]:
    """Whom the session or key belongs to, and what it may do."""
    return {"object": "user", "name": caller.name, "role": caller.role, "scopes": sorted(caller.scopes), "must_change_password": caller.must_change_password}


@router.get("/users")
def users(caller: AdminCaller) -> dict[str, Any]:
    """All users by name."""
    with reading() as session:
        return listing([_user(user) for user in store.list_users(session)])


@router.get("/keys")
def keys(caller: AdminCaller) -> dict[str, Any]:
    """All API keys, oldest first, without anything that opens a door."""
    with reading() as session:
        return listing([_key(key, user) for key, user in store.list_api_keys(session)])


def _user(user: User) -> dict[str, Any]:
    return {
        "object": "user",
        "name": user.name,
        "role": user.role,
        "active": user.active,
        "must_change_password": user.must_change_password,
        "created_at": user.created_at.isoformat(),
    }


def _key(key: ApiKey, user: User) -> dict[str, Any]:
    return {
        "object": "api_key",
        "id": key.id,
        "label": key.label,
        "user": user.name,
        "scopes": key.scopes,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
