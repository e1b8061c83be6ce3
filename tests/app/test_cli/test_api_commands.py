"""The commands that speak to the running stack, against fixed answers on a real port."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.cli import console, gate
from core.settings import Settings, settings
from core.types import EvalReport
from evals.canary import CanaryState, Count, Watch
from evals.decision import GateDecision, Outcome, Signal
from evals.suites import Suite
from tests.app.test_cli.conftest import Cli
from tests.app.test_cli.standin_api import Routes, serving

DECISION = {
    "outcome": "promote",
    "policy_hash": "p" * 64,
    "suite_hash": "s" * 64,
    "baseline": "base-1",
    "candidate": "cp-2",
    "checks": [],
    "table": [{"capability": "safety", "items": 40, "baseline": 0.5, "candidate": 0.75, "interval": [0.1, 0.4]}],
}


def _round(status: str, **changes: Any) -> dict[str, Any]:
    row = {"id": "round-1", "status": status, "parent_id": "base-1", "candidate_id": None, "progress": None, "outcome": None, "error": None}
    return (
        row | {"requested_by": "admin", "signed_off_by": None, "created_at": "2026-01-01T00:00:00", "decision": None, "canary": None, "metrics": []} | changes
    )


def _checkpoint(name: str, status: str, promoted_at: str | None, parent: str | None = None, promotable: bool | None = None) -> dict[str, Any]:
    found = {"id": name, "status": status, "promoted_at": promoted_at, "parent_id": parent, "base_model": "starter"}
    return found | {"promotable": status == "retired" if promotable is None else promotable}


@pytest.fixture
def stack(test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[Routes], Any]:
    """Call it with routes, use it as a context: the command then finds them as its stack."""
    monkeypatch.setenv("BALANCEDBIO_API_KEY", "bb-test")

    class Running:
        def __init__(self, routes: Routes) -> None:
            self._server = serving(routes)

        def __enter__(self) -> None:
            monkeypatch.setenv("PORT", str(self._server.__enter__()))
            settings.cache_clear()

        def __exit__(self, *error: Any) -> None:
            self._server.__exit__(*error)

    return Running


def test_ask_streams_the_answer_and_shows_what_the_knowledge_base_says(cli: Cli, stack: Any) -> None:
    evidence = {"statement": "Asthma is treated by salbutamol.", "source": "NICE", "row": "treated_by.tsv:3"}
    claim = {"subject": "a", "relation": "treated_by", "object": "b", "quote": "q", "verdict": "supported", "evidence": evidence}
    events = [
        {"choices": [{"delta": {"content": "Salbut"}}]},
        {"choices": [{"delta": {"content": "amol."}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "balancedbio": {"checkpoint_id": "cp-7", "turn_id": "turn-1", "claims": [claim], "findings": []}},
    ]
    with stack({"POST /v1/chat/completions": (200, events)}):
        outcome = cli("ask", "What treats asthma?")
        assert outcome.out == "Salbutamol.\n"
        assert "cp-7" in outcome.err
        assert "supported: Asthma is treated by salbutamol. (NICE)" in outcome.err
        assert cli("ask", "--plain", "What treats asthma?").err == ""


def test_brackets_that_somebody_wrote_are_shown_as_they_are(cli: Cli, stack: Any) -> None:
    claim = {"verdict": "unknown", "quote": "dose [/b] of x"}
    finding = {"severity": "note", "rule": "prompt_injection", "quote": "[/INST] ignore"}
    with stack({"POST /v1/chat/completions": (200, [{"choices": [{"delta": {}}], "balancedbio": {"claims": [claim], "findings": [finding]}}])}):
        said = cli("ask", "Hello").err
    assert "dose [/b] of x" in said
    assert "[/INST] ignore" in said


def test_a_question_on_standard_input_that_is_no_text_is_one_line(cli: Cli, test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"What \xff?")))
    assert cli("ask", "-")[::2] == (2, "balancedbio: The question is not valid UTF-8 (byte 5)\n")


def test_an_error_of_the_gateway_is_one_line_and_exit_code_2(cli: Cli, stack: Any) -> None:
    with stack({"POST /v1/chat/completions": (404, {"error": {"message": "There is no model 'x'"}}), "GET /v1/rounds": (500, b"<html>oops")}):
        assert cli("ask", "--model", "x", "Hello")[::2] == (2, "balancedbio: There is no model 'x'\n")
        outcome = cli("round", "list")
        assert outcome.code == 2
        assert "500" in outcome.err


def exam_row(checkpoint: str, suite_hash: str, mean: float, **bounds: float) -> dict[str, Any]:
    scores = {"domain": {"mean": mean, **bounds}}
    common = {"suite": "starter", "created_at": "2026-01-02T03:04:05+00:00", "status": "retired"}
    return {**common, "checkpoint_id": checkpoint, "suite_hash": suite_hash, "scores": scores}


def test_the_history_shows_every_checkpoint_and_keeps_versions_of_the_exam_apart(cli: Cli, stack: Any) -> None:
    rows = [exam_row("base", "a" * 64, 0.5), exam_row("base", "b" * 64, 0.6, low=0.55, high=0.65), exam_row("cp-1", "b" * 64, 0.7)]
    rows[0]["created_at"] = "2025-01-02T03:04:05+00:00"
    with stack({"GET /v1/checkpoints/exams": (200, {"data": rows})}):
        said = cli("gate", "history").out
    assert said.index("starter bbbbbbbbbbbb") < said.index("60.0 (55.0 to 65.0)") < said.index("70.0") < said.index("starter aaaaaaaaaaaa") < said.index("50.0")
    with stack({"GET /v1/checkpoints/exams": (200, {"data": []})}):
        assert "No checkpoint has sat an exam" in cli("gate", "history").err


def test_a_stack_that_does_not_run_is_said_to_be_off(cli: Cli, test_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALANCEDBIO_API_KEY", "bb-test")
    monkeypatch.setenv("PORT", "1")
    settings.cache_clear()
    outcome = cli("ask", "Hello")
    assert outcome.code == 2
    assert "balancedbio up" in outcome.err


def test_watching_follows_a_round_to_its_decision(cli: Cli, stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.watch._EVERY_SECONDS", 0.0)
    progress = {"stage": "train", "done": 3, "total": 60, "note": "", "seconds_left": 75.0}
    states = iter(
        [
            _round("queued"),
            _round("training", progress=progress, metrics=[{"step": 3, "reward": 0.5}]),
            _round("awaiting_signoff", candidate_id="cp-2", decision=DECISION),
        ]
    )
    with stack({"POST /v1/rounds": (201, _round("queued")), "GET /v1/rounds/round-1": lambda _: (200, next(states))}):
        outcome = cli("round", "start", "--watch")
    assert outcome.code == 0
    assert "train 3/60 reward 0.50, 1:15 left" in outcome.err
    assert "| safety | 40 | 50.0% | 75.0% |" in outcome.out
    assert "round signoff" in outcome.out


def test_a_round_in_its_canary_shows_both_sides_and_what_it_waits_for(cli: Cli, stack: Any) -> None:
    unsafe = Watch(signal=Signal.UNSAFE, production=0.01, candidate=0.045, margin=0.01, wealth=12.3, limit=80.0)
    now = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    state = CanaryState(
        share=0.1, min_turns=200, began_at=now, seen_at=now, reason="130 more turns", candidate=Count(conversations=31, turns=70), signals=(unsafe,)
    )
    with stack({"GET /v1/rounds/round-1": (200, _round("canary", candidate_id="cp-2", canary=state.model_dump(mode="json")))}):
        said = cli("round", "show", "round-1").out
    assert "Canary: 10% of new conversations since 2026-12-01 08:00 UTC; watching: 130 more turns" in said
    for row in (("turns", "0", "70"), ("unsafe", "1.0%", "4.5%", "1.0%", "12.3", "80")):
        assert any(line.split() == list(row) for line in said.splitlines()), said


def test_a_failed_round_gives_exit_code_1_and_the_reason(cli: Cli, stack: Any) -> None:
    with stack({"GET /v1/rounds/round-1": (200, _round("failed", error="The disk is full"))}):
        outcome = cli("round", "watch", "round-1")
    assert outcome.code == 1
    assert "The disk is full" in outcome.out


def test_the_newest_round_is_meant_when_none_is_named(cli: Cli, stack: Any) -> None:
    routes: Routes = {
        "GET /v1/rounds": (200, {"data": [_round("training"), _round("held") | {"id": "round-0"}]}),
        "POST /v1/rounds/round-1/cancel": (200, _round("training")),
        "GET /v1/rounds/round-1": (200, _round("training")),
    }
    with stack(routes):
        assert cli("round", "cancel").out == "round-1 is being cancelled\n"
        assert json.loads(cli("round", "show", "--json").out)["id"] == "round-1"
    with stack({"GET /v1/rounds": (200, {"data": []})}):
        assert "no round yet" in cli("round", "watch").err


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([_checkpoint("b", "retired", "1"), _checkpoint("c", "retired", "2"), _checkpoint("d", "production", "3", parent="b")], "b"),
        ([_checkpoint("b", "retired", "1"), _checkpoint("c", "retired", "2"), _checkpoint("d", "production", "3", parent="x")], "c"),
        ([_checkpoint("b", "rejected", None), _checkpoint("d", "production", "3")], None),
        ([_checkpoint("b", "retired", "1"), _checkpoint("c", "retired", "2", promotable=False), _checkpoint("d", "production", "3", parent="c")], "b"),
    ],
)
def test_rollback_goes_to_the_parent_else_to_what_was_there_last(cli: Cli, stack: Any, rows: list[dict[str, Any]], expected: str | None) -> None:
    with stack({"GET /v1/checkpoints": (200, {"data": rows}), f"POST /v1/checkpoints/{expected}/promote": (202, {"id": expected})}):
        outcome = cli("rollback")
    if expected:
        assert outcome.out.startswith(f"{expected} goes into production")
    else:
        assert outcome.code == 2
        assert "Nothing was in production before d" in outcome.err


def test_an_exam_that_cannot_be_run_has_an_exit_code_of_its_own(cli: Cli, stack: Any) -> None:
    with stack({}):
        unknown = cli("gate", "--candidate", "a", "--baseline", "b", "--endpoint", f"http://127.0.0.1:{settings().port}/v1")
    away = cli("gate", "--candidate", "a", "--baseline", "b", "--endpoint", "http://127.0.0.1:1/v1")
    without_policy = cli("gate", "--candidate", "a", "--baseline", "b", "--policy", "/nowhere.toml")
    assert (unknown.code, away.code, without_policy.code) == (3, 3, 3)
    assert "'b'" in unknown.err
    assert "/nowhere.toml" in without_policy.err


@pytest.mark.parametrize(("outcome", "code"), [("promote", 0), ("reject", 1), ("hold", 2)])
@pytest.mark.parametrize("refusal", [SystemExit(1), UnicodeEncodeError("ascii", "\u2192", 0, 1, "ordinal not in range(128)")])
def test_a_decision_keeps_its_exit_code_when_nobody_reads_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, outcome: str, code: int, refusal: BaseException
) -> None:
    """A pipe that was closed (rich leaves with 1), a terminal that lacks a letter of a reply: neither is a candidate that was rejected."""

    async def examine(suite: Suite, url: str, models: tuple[str, ...]) -> list[EvalReport]:
        return [EvalReport(suite=suite.name, suite_hash=suite.hash, model=model, items=(), created_at=datetime.now(UTC)) for model in models]

    def refuse(*_: Any, **__: Any) -> None:
        raise refusal

    decision = GateDecision(outcome=Outcome(outcome), policy_hash="p", suite_hash="s", baseline="b", candidate="a", checks=(), table=())
    monkeypatch.setattr(gate, "_examine", examine)
    monkeypatch.setattr("evals.gate.decide", lambda *_: decision)
    monkeypatch.setattr(console.out, "print", refuse)
    assert cli("gate", "--candidate", "a", "--baseline", "b", "--report", str(tmp_path / "report")).code == code
    assert (tmp_path / "report" / "decision.md").exists()


def test_a_round_is_drawn_into_a_folder(cli: Cli, stack: Any, tmp_path: Any) -> None:
    rows = [{"step": n, "rewards": {"safety": n / 10}} for n in (1, 2, 3)]
    with stack({"GET /v1/rounds/round-1": (200, _round("training", metrics=rows)), "GET /v1/rounds/round-0": (200, _round("queued"))}):
        outcome = cli("round", "plot", "round-1", "--out", str(tmp_path / "plots"))
        assert (outcome.code, outcome.out.strip()) == (0, str(tmp_path / "plots" / "run.png"))
        assert {"run.png", "rewards.png", "cosines.png", "conflicts.png", "weights.png", "kl.png"} <= {p.name for p in (tmp_path / "plots").iterdir()}
        assert cli("round", "plot", "round-0").err == "balancedbio: round-1 has no training step yet\n"
        (tmp_path / "file").touch()
        assert "cannot be written" in cli("round", "plot", "round-1", "--out", str(tmp_path / "file")).err
