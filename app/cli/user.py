"""user: who may sign in. Works on the database, whether or not the stack runs."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from app.cli.console import out
from app.gateway.passwords import hash_password, one_time_password
from core import audit, store
from core.db import reading, unit_of_work
from core.errors import Conflict
from core.states import Role
from core.tables import User

app = typer.Typer(no_args_is_help=True, help="Add, list and change users.")

_ACTOR = "command line"
_Name = Annotated[str, typer.Argument(help="The name the person signs in with.")]


@app.command("add")
def add(name: _Name, role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.CLINICIAN) -> None:
    """Add a user and show a one-time password."""
    password = one_time_password()
    with unit_of_work() as session:
        store.add_user(session, name, role, hash_password(password))
        audit.record(session, _ACTOR, "user.added", name, role=str(role))
    out.print(f"Added {name} ({role}). One-time password: {password}", highlight=False, markup=False, soft_wrap=True)


@app.command("list")
def list_users() -> None:
    """List all users."""
    with reading() as session:
        users = store.list_users(session)
    table = Table("name", "role", "state", "since", box=None, header_style="bold")
    for user in users:
        state = "deactivated" if not user.active else "one-time password" if user.must_change_password else "active"
        table.add_row(escape(user.name), str(user.role), state, f"{user.created_at:%Y-%m-%d}")
    out.print(table)


@app.command("role")
def set_role(name: _Name, role: Role) -> None:
    """Change what a user may do."""
    with unit_of_work() as session:
        user = _with_password(session, name)
        if role != Role.ADMIN:
            _keep_one_admin(session, name)
        before, user.role = str(user.role), role
        audit.record(session, _ACTOR, "user.role", name, before=before, after=str(role))
    out.print(f"{name} is now {role}", highlight=False, markup=False)


@app.command("deactivate")
def deactivate(name: _Name) -> None:
    """Close a user's access at once; what they wrote stays."""
    with unit_of_work() as session:
        user = store.get_user(session, name)
        _keep_one_admin(session, name)
        user.active = False
        audit.record(session, _ACTOR, "user.deactivated", name)
    out.print(f"{name} can no longer sign in", highlight=False, markup=False)


@app.command("activate")
def activate(name: _Name) -> None:
    """Let a deactivated user in again, with the role and password they had."""
    with unit_of_work() as session:
        user = store.get_user(session, name)
        if user.active:
            raise Conflict(f"{name} is active already")
        user.active = True
        audit.record(session, _ACTOR, "user.activated", name)
    out.print(f"{name} can sign in again, and API keys that were not revoked or expired work again", highlight=False, markup=False, soft_wrap=True)


@app.command("reset-password")
def reset_password(name: _Name) -> None:
    """Give a user a new one-time password."""
    password = one_time_password()
    with unit_of_work() as session:
        user = _with_password(session, name)
        if not user.active:
            raise Conflict(f"{name} is deactivated and could not sign in with it; `balancedbio user activate {name}` first")
        user.password_hash, user.must_change_password = hash_password(password), True
        audit.record(session, _ACTOR, "user.password_reset", name)
    out.print(f"One-time password of {name}: {password}", highlight=False, markup=False, soft_wrap=True)


def _with_password(session: Session, name: str) -> User:
    user = store.get_user(session, name)
    if user.subject is not None:
        raise Conflict(f"{name} signs in through the organisation, which also says the role: change it there, or `user deactivate` here")
    return user


def _keep_one_admin(session: Session, name: str) -> None:
    others = [u for u in store.list_users(session) if u.role == Role.ADMIN and u.active and u.name != name]
    if store.get_user(session, name).role == Role.ADMIN and not others:
        raise Conflict(f"{name} is the last admin; make somebody else admin first")
