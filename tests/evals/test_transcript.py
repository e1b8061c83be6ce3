"""An exam can be read in Inspect's viewer, and Inspect's own runner asks and marks as the gate does."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from inspect_ai.log import list_eval_logs, read_eval_log

from core.errors import BadInput
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.llm import ScriptedChat
from core.settings import ROOT
from evals.run import run_suite
from evals.suites import Suite, load_suite
from evals.transcript import HEADLINE, write_transcript
from tests.evals.test_run import FailingChat
from tests.scripted_endpoint import serving

SMOKE = load_suite("smoke")
REPLY = "The usual treatment is amoxicillin [1]."


def test_every_item_is_in_the_log_as_it_was_asked_answered_and_marked(knowledge: Knowledge, tmp_path: Path) -> None:
    report = asyncio.run(run_suite(SMOKE, ScriptedChat(lambda _: REPLY), "cp-1", knowledge))
    log = read_eval_log(str(write_transcript(report, SMOKE, tmp_path)))
    assert (log.eval.model, log.eval.task, log.status) == ("cp-1", "smoke", "success")
    samples = {str(s.id): s for s in log.samples or ()}
    assert len(samples) == len(SMOKE.items) == log.eval.dataset.samples
    for item, result in zip(SMOKE.items, report.items, strict=True):
        sample = samples[item.id]
        assert [m.text for m in sample.messages] == [*(m.content for m in with_evidence(item.messages, item.evidence)), REPLY]
        assert sample.metadata["capability"] == item.capability
        assert (sample.scores or {})[HEADLINE].value == result.correct
        assert {n for n in sample.scores or {} if n != HEADLINE} == {s.name for s in result.scores if s.value is not None}


def test_a_failed_item_is_an_error_in_the_log_and_has_no_score(knowledge: Knowledge, tmp_path: Path) -> None:
    few = Suite("few", SMOKE.items[:5])
    report = asyncio.run(run_suite(few, FailingChat(BadInput("too long"), after=3), "cp-1", knowledge))
    log = read_eval_log(str(write_transcript(report, few, tmp_path)))
    failed = [s for s in log.samples or () if s.error]
    assert [s.error.message for s in failed if s.error] == ["too long"] * 2
    assert all(not s.scores for s in failed)
    assert log.results
    assert log.results.completed_samples == 3


def test_the_viewer_lists_the_log_under_its_exam(knowledge: Knowledge, tmp_path: Path) -> None:
    few = Suite("my_ward", SMOKE.items[:2])
    for model in ("a", "b"):
        write_transcript(asyncio.run(run_suite(few, ScriptedChat(lambda _: REPLY), model, knowledge)), few, tmp_path)
    assert [info.task for info in list_eval_logs(str(tmp_path))] == ["my-ward", "my-ward"]


def test_inspects_own_runner_asks_and_marks_as_the_gate_does(knowledge: Knowledge, tmp_path: Path) -> None:
    """As its user would run it, against an endpoint on a real socket."""
    with serving(lambda _messages, _number: REPLY) as endpoint:
        command = [sys.executable, "-m", "inspect_ai", "eval", "evals/tasks.py", "-T", "suite=smoke", "--model", "openai-api/local/m"]
        command += ["--model-base-url", endpoint.url, "--log-dir", str(tmp_path), "--display", "none"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | {"LOCAL_API_KEY": "none"}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        asked = {tuple(m["content"] for m in r["messages"]): (r["max_tokens"], r["temperature"], r["seed"]) for r in endpoint.requests}
        report = asyncio.run(run_suite(SMOKE, ScriptedChat(lambda _: REPLY), "m", knowledge))
    [log] = [read_eval_log(str(path)) for path in tmp_path.glob("*.eval")]
    assert log.status == "success"
    marks = {str(s.id): next(iter((s.scores or {}).values())).value for s in log.samples or ()}
    assert marks == {r.item_id: r.correct for r in report.items}
    assert asked == {tuple(m.content for m in with_evidence(i.messages, i.evidence)): (i.reply_tokens, 0.0, 0) for i in SMOKE.items}
