"""up, down, status: the processes of this machine."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.api_client import own_address
from app.cli.console import out
from app.stack import supervisor
from app.stack import up as procedure
from core import store
from core.db import reading
from core.errors import Unavailable
from core.states import RoundStatus


def up(detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all is healthy; stop later with `balancedbio down`.")] = False) -> None:
    """Start everything, wait until it is healthy, and say where it is. Ctrl-C stops all of it."""
    procedure.up(out, detached=detach)


def down() -> None:
    """Stop everything that `up` started."""
    out.print("Stopped" if procedure.stop() else "Nothing was running", highlight=False)


def status() -> None:
    """Show the processes, what is in production, the round in progress and the feedback that waits."""
    try:
        states = supervisor.states()
    except Unavailable as error:
        states = ()
        out.print(str(error), highlight=False, soft_wrap=True)
    if states:
        table = Table("process", "state", "pid", "up for", box=None, header_style="bold")
        for state in states:
            is_up = state.status == "RUNNING"
            shown = f"[{'green' if is_up else 'red'}]{state.status.lower()}"
            table.add_row(state.name, shown, str(state.pid or "-"), _duration(state.seconds) if is_up else escape(state.error))
        out.print(table)
        out.print(f"\nAddress      {own_address()}", highlight=False)
    with reading() as session:
        production = store.find_production(session)
        latest = store.latest_round(session)
        waiting = store.count_waiting_feedback(session)
    out.print(f"Production   {production.id if production else 'none yet'}", highlight=False)
    if latest is None:
        out.print("Round        none yet", highlight=False)
    else:
        progress = latest.progress or {}
        where = f", {progress.get('stage')} {progress.get('done')}/{progress.get('total')}" if progress and not RoundStatus(latest.status).is_final else ""
        out.print(f"Round        {latest.id}: {latest.status}{where}", highlight=False)
    out.print(f"Feedback     {waiting} accepted, waiting for a round", highlight=False)


def _duration(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
