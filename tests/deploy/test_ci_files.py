"""The ready workflow files say what the command understands, and read an exit code as the gate means it."""

import shlex
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml

from app.cli import app
from core.settings import ROOT

FILES = sorted((ROOT / "deploy" / "ci").glob("*.yml"))


def scripts(path: Path) -> list[str]:
    """Every shell line of a workflow."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "jobs" in found:
        return [step["run"] for step in found["jobs"]["gate"]["steps"] if "run" in step]
    return [*found["gate"]["before_script"], *found["gate"]["script"]]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_gate_is_called_with_options_that_it_has_and_every_value_is_quoted(path: Path) -> None:
    (line,) = [s for s in scripts(path) if "balancedbio gate" in s]
    line = line[line.index(".venv/bin/balancedbio") :].split(" ||")[0]
    command, *rest = shlex.split(line)
    assert command == ".venv/bin/balancedbio"
    known = {option for parameter in typer.main.get_command(app).commands["gate"].params for option in parameter.opts}  # type: ignore[attr-defined]  # of a group
    assert {word for word in rest if word.startswith("--")} <= known
    assert line.count('"$') == line.count("$")  # a name with a space, or worse, stays one argument
    assert "${{" not in line


def test_github_reads_inputs_from_the_environment_alone_and_keeps_the_report() -> None:
    workflow = yaml.safe_load((ROOT / "deploy" / "ci" / "github-gate.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["gate"]["steps"]
    assert not [s for s in steps if "${{" in s.get("run", "")]
    assert all(s["if"] == "always()" for s in steps[-2:])
    assert workflow["permissions"] == {"contents": "read"}


def test_gitlab_warns_of_a_held_decision_and_fails_on_the_others() -> None:
    job = yaml.safe_load((ROOT / "deploy" / "ci" / "gitlab-gate.yml").read_text(encoding="utf-8"))["gate"]
    assert job["allow_failure"] == {"exit_codes": 2}
    assert job["artifacts"]["reports"]["junit"] == "gate-report/junit.xml"


@pytest.mark.parametrize(("code", "decided", "expected"), [(0, True, 0), (1, True, 1), (2, True, 2), (2, False, 3), (3, False, 3), (1, False, 3)])
def test_gitlab_takes_two_for_held_only_where_there_is_a_decision(tmp_path: Path, code: int, decided: bool, expected: int) -> None:
    """The lines as the runner joins them, with a stand-in for the command."""
    job = yaml.safe_load((ROOT / "deploy" / "ci" / "gitlab-gate.yml").read_text(encoding="utf-8"))["gate"]
    command = tmp_path / ".venv" / "bin" / "balancedbio"
    command.parent.mkdir(parents=True)
    decision = "mkdir -p gate-report; echo {} > gate-report/decision.json; " if decided else ""
    command.write_text(f"#!/bin/sh\n{decision}exit {code}\n")
    command.chmod(0o755)
    done = subprocess.run(["bash", "-e", "-c", "\n".join(job["script"])], cwd=tmp_path, capture_output=True)
    assert done.returncode == expected


def test_gitlab_does_not_take_a_failed_installation_for_a_held_decision(tmp_path: Path) -> None:
    job = yaml.safe_load((ROOT / "deploy" / "ci" / "gitlab-gate.yml").read_text(encoding="utf-8"))["gate"]
    done = subprocess.run(["bash", "-e", "-c", "\n".join(job["before_script"])], cwd=tmp_path, capture_output=True)  # there is nothing to make
    assert done.returncode == 3
