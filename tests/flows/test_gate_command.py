"""Walk: a CI gate run."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.flow


def test_a_gate_run_writes_its_reports_and_exits_by_the_decision(stack: Stack, tmp_path: Path) -> None:
    model = next(c["id"] for c in stack.api("GET", "checkpoints")["data"] if c["status"] == "production")
    done = stack.command("gate", "--candidate", model, "--baseline", model, "--report", str(tmp_path / "report"))
    decision = json.loads((tmp_path / "report" / "decision.json").read_text())
    assert done.returncode == {"promote": 0, "reject": 1, "hold": 2}[decision["outcome"]], done.stderr
    assert all(abs(row["candidate"] - row["baseline"]) < 0.2 for row in decision["table"])
    suite = ElementTree.parse(tmp_path / "report" / "junit.xml").getroot()
    assert int(suite.get("tests", "0")) == len(decision["checks"])
    assert "| capability |" in (tmp_path / "report" / "decision.md").read_text()


def test_a_model_that_is_not_served_could_not_be_examined(stack: Stack, tmp_path: Path) -> None:
    done = stack.command("gate", "--candidate", "cp-none", "--baseline", "cp-none", "--report", str(tmp_path / "report"))
    assert done.returncode in (2, 3)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "report").exists()
