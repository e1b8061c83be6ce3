"""doctor: what this machine has and lacks, and the settings as a table."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy import text

from app.cli.console import out
from app.cli.field_tables import settings_table
from app.stack import first_run, ports, requirements, supervisor
from app.stack.preparation import chosen_redis_answers
from app.stack.processes import app_endpoint, is_local, own_vllms, redis_endpoint
from app.stack.requirements import Finding
from core.db import reading
from core.errors import AppError, BadInput
from core.settings import Settings, settings
from evals.policy import load_policy


def doctor(as_table: Annotated[bool, typer.Option("--settings", help="Print every setting as a Markdown table and stop.")] = False) -> None:
    """Check this machine and say what to do about what is missing. Exit code 2 when something is."""
    if as_table:
        out.print(settings_table(), highlight=False, markup=False, soft_wrap=True)
        return
    findings = [*_secrets(), *_machine()]
    for finding in findings:
        out.print(f"{'[green]✓' if finding.is_fine else '[red]✗'}[/] [bold]{finding.subject}[/]: {escape(finding.detail)}", highlight=False, soft_wrap=True)
    lacking = sum(not f.is_fine for f in findings)
    out.print("\nAll is well" if not lacking else f"\n{lacking} to mend", highlight=False)
    if lacking:
        raise typer.Exit(2)


def _secrets() -> list[Finding]:
    env = Path(".env")
    if not first_run.has_secret():
        return [Finding("settings", True, "no SECRET_KEY yet; `balancedbio up` makes one")]
    if env.exists() and stat.S_IMODE(env.stat().st_mode) & 0o077:
        return [Finding("settings", False, f"{env.resolve()} can be read by others: chmod 600 .env")]
    return [Finding("settings", True, str(env.resolve()) if env.exists() else "from the environment")]


def _machine() -> list[Finding]:
    # Before the first start there is no secret; nothing below needs a real one.
    if not first_run.has_secret():
        os.environ["SECRET_KEY"] = "0" * 32
    current = settings()
    is_running = supervisor.is_running()
    given = _given_redis(current)
    findings = list(requirements.examine(current, own_redis=given is None, own_vllm=bool(own_vllms(current))))
    ours = [(app_endpoint(current), "app"), *((endpoint, name) for name, endpoint in own_vllms(current).items())]
    if given is None:
        ours.append((redis_endpoint(current), "Redis"))
    else:
        findings.append(given)
    if current.database_url.startswith("postgresql"):
        findings.append(_database())
    findings += _round_files(current)
    for endpoint, purpose in ours:
        if endpoint.host not in ("127.0.0.1", "localhost", "0.0.0.0", "::1"):
            continue
        free = ports.is_free(endpoint)
        detail = "in use by the running stack" if is_running and not free else "free" if free else f"taken{ports.holder(endpoint.port)}; see {endpoint.setting}"
        findings.append(Finding(f"port {endpoint.port} ({purpose})", free or is_running, detail))
    findings.append(Finding("stack", True, "running" if is_running else "not running"))
    return findings


def _given_redis(current: Settings) -> Finding | None:
    """One that `up` would use as it is: elsewhere, or somebody's choice that answers. None: `up` starts its own."""
    endpoint, answers = redis_endpoint(current), chosen_redis_answers(current)
    if is_local(current.redis_url) and not answers:
        return None
    where = f"{endpoint.host}:{endpoint.port}"
    return Finding("Redis", answers, f"answers at {where}" if answers else f"does not answer at {where}; check REDIS_URL")


def _database() -> Finding:
    try:
        with reading() as session:
            session.execute(text("SELECT 1"))
    except AppError as error:
        return Finding("database", False, f"{error}; check DATABASE_URL")
    return Finding("database", True, "answers")


def _round_files(current: Settings) -> Iterator[Finding]:
    """Read as a round reads them, so that a wrong one shows before a round starts."""
    from alignment.recipe import load_recipe  # takes a third of a second to load

    yield _readable("round recipe", "ROUND_RECIPE", current.round_recipe, load_recipe)
    yield _readable("gate policy", "GATE_POLICY", current.gate_policy, load_policy)
    if current.accelerate_config:
        yield _readable("accelerate configuration", "ACCELERATE_CONFIG", current.accelerate_config, _read)


def _readable(subject: str, setting: str, location: str | Path, load: Callable[..., object]) -> Finding:
    try:
        load(location)
    except AppError as error:
        return Finding(subject, False, f"{error}; check {setting}")
    return Finding(subject, True, str(location))


def _read(location: str) -> None:
    """Its fields are accelerate's, which loads torch to read them."""
    try:
        Path(location).read_bytes()
    except OSError as error:
        raise BadInput(f"{location} cannot be read: {error.strerror}") from error
