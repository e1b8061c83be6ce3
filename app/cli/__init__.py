"""The `balancedbio` command. One file per group; this one wires them and turns every expected error into one line and an exit code.

Exit codes: 0 done, 1 a gate said no or a round that was watched failed, 2 bad input, a part that does not answer or a gate that held, 3 an exam
that could not be run or compared, 130 interrupted.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.exceptions import TyperException

from app.cli import audit, demo, doctor, gate, key, knowledge, mkgsg, rounds, stack, starter, talk, turn, user
from app.cli.console import errors, out, settings_message
from core.errors import AppError, GateError


class _InOrder(TyperGroup):
    """Commands in the order in which a person meets them."""


app = typer.Typer(
    name="balancedbio",
    cls=_InOrder,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A biomedical assistant that learns from clinicians' feedback and is promoted only when it is nowhere worse.",
    epilog="Begin with `balancedbio up`. Settings come from the environment or `.env`: see `balancedbio doctor --settings`.",
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        out.print(f"balancedbio {version('balancedbio')}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(shown: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")] = False) -> None:
    """Its help is that of `app`."""


_RUN, _USE, _ALIGN, _ADMIN = "Run", "Use", "Align", "Administer"
app.command("up", rich_help_panel=_RUN)(stack.up)
app.command("down", rich_help_panel=_RUN)(stack.down)
app.command("status", rich_help_panel=_RUN)(stack.status)

app.command("doctor", rich_help_panel=_RUN)(doctor.doctor)
app.command("demo", rich_help_panel=_RUN)(demo.demo)
app.command("ask", rich_help_panel=_USE)(talk.ask)
app.command("chat", rich_help_panel=_USE)(talk.chat)
app.add_typer(knowledge.app, name="knowledge", rich_help_panel=_USE)
app.add_typer(rounds.app, name="round", rich_help_panel=_ALIGN)
app.add_typer(gate.app, name="gate", rich_help_panel=_ALIGN)
app.command("promote", rich_help_panel=_ALIGN)(gate.promote)
app.command("rollback", rich_help_panel=_ALIGN)(gate.rollback)
app.add_typer(mkgsg.app, name="mkgsg", rich_help_panel=_ALIGN)
app.add_typer(starter.app, name="starter", rich_help_panel=_ALIGN)
app.add_typer(user.app, name="user", rich_help_panel=_ADMIN)
app.add_typer(key.app, name="key", rich_help_panel=_ADMIN)
app.add_typer(turn.app, name="turn", rich_help_panel=_ADMIN)
app.add_typer(audit.app, name="audit", rich_help_panel=_ADMIN)


def main() -> None:
    """Entry point of the console script."""
    try:
        # Not standalone: a wrong option is then one line as well, not a box.
        sys.exit(app(prog_name="balancedbio", standalone_mode=False))
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Abort:
        sys.exit(130)
    except TyperException as error:
        sys.exit(_usage(error))
    except GateError as error:
        _say(str(error))
        sys.exit(3)
    except AppError as error:
        _say(str(error))
        sys.exit(2)
    except ValidationError as error:
        _say(settings_message(error))
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _say(message: str) -> None:
    errors.print(f"balancedbio: {message}", style="red", highlight=False, markup=False, soft_wrap=True)


def _usage(error: TyperException) -> int:
    """A group without a command shows its help; anything else is one line that says where to read more."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # typer does not export it
        error.show()  # type: ignore[attr-defined]  # of the name above
        return 2
    where = context.command_path if context is not None else "balancedbio"
    _say(f"{' '.join(error.format_message().split())} (see `{where} --help`)")
    return 2
