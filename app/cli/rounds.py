"""round: start one, watch it, end it. Everything goes over the API of the running stack."""

import json
import pathlib
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from app.cli import api
from app.cli.console import errors, out
from app.cli.watch import watch_round
from core.errors import BadInput, NotFound
from evals.canary import CanaryState
from evals.decision import GateDecision
from evals.report import table_markdown

app = typer.Typer(no_args_is_help=True, help="Align the model: start, watch, sign off.")

_RoundId = Annotated[str | None, typer.Argument(help="The round; default: the newest.")]


@app.command("start")
def start(
    recipe: Annotated[str | None, typer.Option(help="Name of a file in alignment/recipes/; default: ROUND_RECIPE.")] = None,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Follow it until it needs a person or has ended.")] = False,
) -> None:
    """Start a round from the accepted feedback and the knowledge base."""
    row = api.post("rounds", {"recipe": recipe} if recipe else {})
    out.print(f"Started {row['id']}", highlight=False)
    if watch:
        _finish(watch_round(row["id"]))
    else:
        errors.print("Follow it with `balancedbio round watch`", highlight=False)


@app.command("list")
def list_rounds() -> None:
    """List the newest rounds."""
    table = Table("round", "status", "outcome", "by", "begun", box=None, header_style="bold")
    for row in api.get("rounds")["data"]:
        table.add_row(row["id"], row["status"], row["outcome"] or "", escape(row["requested_by"]), row["created_at"][:16].replace("T", " "))
    out.print(table)


@app.command("show")
def show(round_id: _RoundId = None, as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False) -> None:
    """Show a round, its decision and the exam before and after."""
    row = api.get(f"rounds/{round_id or _newest()}")
    if as_json:
        out.print(json.dumps(row, indent=1), highlight=False, markup=False, soft_wrap=True)
    else:
        _show(row)


@app.command("watch")
def watch(round_id: _RoundId = None) -> None:
    """Follow a round live: stage, step, reward, time left. Ctrl-C stops watching, not the round."""
    _finish(watch_round(round_id or _newest()))


@app.command("plot")
def plot(
    round_id: _RoundId = None,
    folder: Annotated[pathlib.Path | None, typer.Option("--out", help="Where the pictures go; default: a folder named after the round.")] = None,
) -> None:
    """Draw a round's training: rewards, cosines, conflict, weights, multipliers, KL. `run.png` holds all of it."""
    from alignment.grpo.plots import plot_run  # matplotlib takes a second to load

    row = api.get(f"rounds/{round_id or _newest()}")
    if not row["metrics"]:
        raise NotFound(f"{row['id']} has no training step yet")
    target = folder or pathlib.Path(row["id"])
    try:
        drawn = plot_run(row["metrics"], target)
    except OSError as error:
        raise BadInput(f"The pictures cannot be written to {target}: {error.strerror or error}") from error
    out.print(str(drawn[0]), highlight=False, markup=False, soft_wrap=True)
    errors.print(f"{len(drawn)} pictures of {len(row['metrics'])} steps in {target}", highlight=False, markup=False)


@app.command("cancel")
def cancel(round_id: _RoundId = None) -> None:
    """Stop a round; its feedback waits for the next one."""
    row = api.post(f"rounds/{round_id or _newest()}/cancel")
    out.print(f"{row['id']} is being cancelled", highlight=False)


@app.command("signoff")
def sign_off(round_id: _RoundId = None) -> None:
    """Let a candidate that passed its exam into production, in your name."""
    row = api.post(f"rounds/{round_id or _newest()}/signoff")
    out.print(f"{row['id']} is signed off by {row['signed_off_by']}", highlight=False, markup=False)


def _newest() -> str:
    rows = api.get("rounds")["data"]
    if not rows:
        raise NotFound("There is no round yet; start one with `balancedbio round start`")
    return str(rows[0]["id"])


def _finish(row: dict[str, Any]) -> None:
    _show(row)
    if row["status"] == "failed":
        raise typer.Exit(1)


def _show(row: dict[str, Any]) -> None:
    out.print(f"[bold]{row['id']}[/]: {row['status']}", highlight=False)
    out.print(f"from {row['parent_id']}" + (f" to {row['candidate_id']}" if row["candidate_id"] else ""), highlight=False)
    if row["error"]:
        out.print(row["error"], highlight=False, markup=False, soft_wrap=True)
    if row["decision"]:
        decision = GateDecision.model_validate(row["decision"])
        out.print(f"\nDecision: {decision.outcome}\n\n{table_markdown(decision)}\n", highlight=False, markup=False, soft_wrap=True)
        for check in decision.checks:
            if check.outcome != "promote":
                out.print(f"{check.outcome}: {check.name}: {check.explanation}", highlight=False, markup=False, soft_wrap=True)
    if row["canary"]:
        _show_canary(CanaryState.model_validate(row["canary"]))
    if row["status"] == "awaiting_signoff":
        out.print("It waits for a person: `balancedbio round signoff`", highlight=False)


def _show_canary(state: CanaryState) -> None:
    out.print(f"\nCanary: {state.share:.0%} of new conversations since {state.began_at:%Y-%m-%d %H:%M} UTC; {state.verdict}: {state.reason}", highlight=False)
    columns = ("", "production", "candidate", "margin", "evidence of harm", "stops at")
    table = Table(*columns, box=None, header_style="bold")
    table.add_row("conversations", str(state.production.conversations), f"{state.candidate.conversations} (and {state.settling} not settled)")
    table.add_row("turns", str(state.production.turns), str(state.candidate.turns))
    for watch in state.signals:
        rates = ("-" if rate is None else f"{rate:.1%}" for rate in (watch.production, watch.candidate))
        table.add_row(watch.signal, *rates, f"{watch.margin:.1%}", f"{watch.wealth:.1f}", f"{watch.limit:.0f}")
    out.print(table)
