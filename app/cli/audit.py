"""audit: the trail of who did what."""

import typer

from app.cli.console import out
from core import audit as trail
from core.db import reading
from core.errors import Conflict

app = typer.Typer(no_args_is_help=True, help="Check the audit trail.")


@app.callback()
def _group() -> None:
    """Keeps `verify` a subcommand while it is the only one."""


@app.command("verify")
def verify() -> None:
    """Check that no record was changed, removed or reordered."""
    with reading() as session:
        broken = trail.first_broken(session)
    if broken is not None:
        raise Conflict(f"The audit trail does not hold: record {broken} was changed, removed or reordered")
    out.print("The audit trail holds", highlight=False)
