"""GET /v1/audit: the audit trail, and whether its chain of hashes still holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.gateway.auth import AdminCaller
from app.gateway.wire import listing
from core import audit
from core.db import reading, unit_of_work
from core.tables import AuditEvent

router = APIRouter(prefix="/v1/audit")


@router.get("")
def listed(caller: AdminCaller, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> dict[str, Any]:
    """The newest events first. `first_broken` names the first row of the whole trail that was changed, removed or reordered."""
    with reading() as session:
        page = listing([_shown(event) for event in audit.newest(session, limit)]) | {"first_broken": audit.first_broken(session)}
    with unit_of_work() as session:
        audit.record(session, caller.name, "audit.view", "audit", shown=len(page["data"]), first_broken=page["first_broken"])
    return page


def _shown(event: AuditEvent) -> dict[str, Any]:
    return {
        "object": "audit_event",
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "detail": event.detail,
        "hash": event.hash,
    }
