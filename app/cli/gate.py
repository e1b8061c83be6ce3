"""gate, promote, rollback: whether a checkpoint may go into production, and which one is there."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.api_rows import ExamRow
from app.cli import api
from app.cli.console import errors, out, settings_message
from app.history import cell, histories
from core.errors import AppError, BadInput, GateError, NotFound
from core.knowledge import builtin
from core.llm import OpenAIChat
from core.logging import mask_secrets
from core.settings import settings
from core.types import EvalReport
from evals.decision import Outcome
from evals.policy import load_policy
from evals.suites import Suite, load_suite

_EXIT = {Outcome.PROMOTE: 0, Outcome.REJECT: 1, Outcome.HOLD: 2}


app = typer.Typer(invoke_without_command=True, subcommand_metavar="[history]")


@app.callback()
def gate(
    context: typer.Context,
    candidate: Annotated[str, typer.Option(help="Name of the model that is examined, as its endpoint serves it.")] = "",
    baseline: Annotated[str, typer.Option(help="Name of the model it is compared with.")] = "",
    policy: Annotated[Path | None, typer.Option(help="What it must show; default: GATE_POLICY.")] = None,
    report: Annotated[Path, typer.Option(help="Folder for index.html, decision.md, decision.json and junit.xml.")] = Path("gate-report"),
    endpoint: Annotated[
        str | None, typer.Option(help="OpenAI-compatible address of both, with its key in GATE_API_KEY; default: the first of VLLM_URL.")
    ] = None,
) -> None:
    """Examine two models and decide. Exit code 0: promote; 1: reject; 2: held; 3: the exam could not be run."""
    if context.invoked_subcommand:
        return
    if missing := [name for name, value in (("--candidate", candidate), ("--baseline", baseline)) if not value]:
        raise BadInput(f"Missing option {missing[0]!r} (see `balancedbio gate --help`)")
    from evals.gate import decide
    from evals.report import markdown, write_report

    try:
        named = policy or settings().gate_policy
        frozen = load_policy(named)
        suite = load_suite(frozen.suite, named.parent)
        address = endpoint or settings().vllm_replicas["vllm"]
        try:
            before, after = asyncio.run(_examine(suite, address, (baseline, candidate)))
        except AppError as error:
            raise GateError(f"{error} (endpoint {mask_secrets(address.partition('?')[0])})") from error
        decision = decide(frozen, suite, before, after)
        write_report(decision, report, suite, before, after)
    except ValidationError as error:
        raise GateError(settings_message(error)) from error
    except AppError as error:
        # With an exit code of its own: to CI an endpoint that is away must not look like a candidate that was held.
        raise GateError(str(error)) from error
    except OSError as error:
        raise GateError(f"The report cannot be written to {report}: {error.strerror}") from error
    except Exception as error:  # Python exits with 1, which to CI is a candidate that was rejected; its kind and message are kept
        raise GateError(f"The exam could not be run: {type(error).__name__}: {error}") from error
    # The report is written: whoever reads the output may be gone (rich then leaves with 1), lack the letters or the disk, and the code is the decision's still.
    with suppress(SystemExit, UnicodeEncodeError, OSError):
        out.print(markdown(decision, suite, before, after), highlight=False, markup=False, soft_wrap=True)
        errors.print(f"Report in {report}", highlight=False)
    raise typer.Exit(_EXIT[decision.outcome])


@app.command("history")
def history() -> None:
    """Show every capability over all checkpoints, with 90 % intervals, in percent. Exams of other versions stand apart."""
    found = histories([ExamRow.model_validate(row) for row in api.get("checkpoints/exams")["data"]])
    if not found:
        errors.print("No checkpoint has sat an exam yet", highlight=False)
    for version in found:
        table = Table("checkpoint", "status", *(c.value for c in version.capabilities), box=None, header_style="bold")
        for exam in version.exams:
            table.add_row(exam.checkpoint_id, exam.status, *(cell(exam, c) for c in version.capabilities))
        out.print(f"{version.suite} {version.suite_hash[:12]}", highlight=False)
        out.print(table)


async def _examine(suite: Suite, url: str, models: tuple[str, ...]) -> list[EvalReport]:
    from evals.run import run_suite

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    chat = OpenAIChat(url, os.environ.get("GATE_API_KEY") or "none", settings().request_timeout_seconds)
    reports = []
    try:
        with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
            for model in models:
                task = bar.add_task(f"exam of {model}", total=len(suite.items))

                def show(done: int, total: int, task: Any = task) -> None:
                    bar.update(task, completed=done, total=total)

                reports.append(await run_suite(suite, chat, model, builtin(), show))
    finally:
        await chat.close()
    return reports


def promote(checkpoint: Annotated[str, typer.Argument(help="A checkpoint that has been in production before.")]) -> None:
    """Put a checkpoint into production. A new candidate goes through `round signoff` instead."""
    _serve(checkpoint)


def rollback() -> None:
    """Go back to the checkpoint that was in production before."""
    rows = api.get("checkpoints")["data"]
    current = next((c for c in rows if c["status"] == "production"), None)
    if current is None:
        raise NotFound("No checkpoint is in production")
    promotable = [c for c in rows if c["promotable"] and c["promoted_at"]]
    parent = next((c for c in promotable if c["id"] == current["parent_id"]), None)
    previous = parent or max(promotable, key=lambda c: str(c["promoted_at"]), default=None)
    if previous is None:
        raise NotFound(f"Nothing was in production before {current['id']}")
    _serve(str(previous["id"]))


def _serve(checkpoint_id: str) -> None:
    row = api.post(f"checkpoints/{checkpoint_id}/promote")
    out.print(f"{row['id']} goes into production now; `balancedbio status` shows when it is there", highlight=False)
