"""demo: the whole loop by itself."""

from typing import Annotated

import typer

from app.cli.console import out
from core.types import Outcome


def demo(keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's stack running, to look at it in a browser.")] = False) -> None:
    """Ask, judge (simulated), align, examine, promote, ask again: on a stack of its own, in a few minutes."""
    from app.demo.run import demo as procedure

    raise typer.Exit(0 if procedure(out, keep=keep) is Outcome.PROMOTE else 1)
