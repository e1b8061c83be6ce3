"""key: API keys for programs. Works on the database, whether or not the stack runs."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.console import out
from app.gateway.auth import SCOPES
from core import audit, store
from core.db import reading, unit_of_work
from core.errors import BadInput
from core.states import Role, Scope
from core.tables import utc_now

app = typer.Typer(no_args_is_help=True, help="Add, list and revoke API keys.")

_ACTOR = "command line"


@app.command("add")
def add(
    user: Annotated[str, typer.Argument(help="Whose key it is.")],
    label: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; repeatable. Default: chat.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Valid for this many days; default: until revoked.")] = None,
) -> None:
    """Make a key and show it, once."""
    scopes = scope or [Scope.CHAT]
    with unit_of_work() as session:
        owner = store.get_user(session, user)
        if beyond := [s for s in scopes if s not in SCOPES[Role(owner.role)]]:
            raise BadInput(f"A key of a {owner.role} may not have the scope {', '.join(beyond)}; change the role of {user} first, or ask for less")
        key = store.add_api_key(session, owner, label, scopes, utc_now() + timedelta(days=days) if days else None)
        audit.record(session, _ACTOR, "key.added", user, label=label, scopes=[str(s) for s in scopes])
    out.print(key, highlight=False, markup=False, soft_wrap=True)


@app.command("list")
def list_keys() -> None:
    """List all keys; the keys themselves are not kept and cannot be shown."""
    with reading() as session:
        rows = store.list_api_keys(session)
    table = Table("id", "user", "label", "scopes", "state", "since", box=None, header_style="bold")
    for key, owner in rows:
        expired = key.expires_at is not None and key.expires_at < utc_now()
        state = "revoked" if key.revoked_at else "expired" if expired else f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "live"
        table.add_row(key.id, escape(owner.name), escape(key.label), ", ".join(key.scopes), state, f"{key.created_at:%Y-%m-%d}")
    out.print(table)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The id that `key list` shows.")]) -> None:
    """Make a key useless at once."""
    with unit_of_work() as session:
        key = store.revoke_api_key(session, key_id)
        audit.record(session, _ACTOR, "key.revoked", key_id, label=key.label)
    out.print(f"Revoked {key_id}", highlight=False, markup=False)
