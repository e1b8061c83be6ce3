"""demo: the loop by itself: ask, judge, align, examine, promote, ask again. Whatever is simulated says so."""

from typing import Annotated

import typer

from app.cli.console import out
from evals.decision import Outcome


def demo(keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's stack running, to look at it in a browser.")] = False) -> None:
    """Ask, judge (simulated), align, examine, promote, ask again: on a stack of its own, in about a quarter of an hour."""
    from app.cli.demo.run import demo as procedure

    raise typer.Exit(0 if procedure(out, keep=keep) is Outcome.PROMOTE else 1)
