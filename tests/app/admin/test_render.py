"""The admin page's cards and tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin import render
from app.api_rows import AuditPage, AuditRow, CheckpointRow, FeedbackRow, JudgedTurn, KeyRow, RoundDetail, UserRow
from core.states import CheckpointStatus, FeedbackStatus, Role, RoundStatus
from core.types import Capability, Message, Progress
from evals.canary import CanaryState, Count, Watch
from evals.decision import CapabilityRow, GateCheck, GateDecision, Outcome, Signal

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def feedback(**fields: object) -> FeedbackRow:
    turn = JudgedTurn(
        checkpoint_id="cp-1", messages=(Message(role="user", content="What for gout?"),), reply="<think> hm </think> naproxen", finish_reason="stop"
    )
    return FeedbackRow.model_validate({"id": "fb-1", "turn_id": "turn-1", "status": FeedbackStatus.NEW, "created_at": NOW, "turn": turn, **fields})


def checkpoint(name: str, parent: str | None, status: CheckpointStatus = CheckpointStatus.RETIRED) -> CheckpointRow:
    return CheckpointRow(id=name, status=status, parent_id=parent, base_model="starter", sha256="a" * 64, created_at=NOW)


def a_round(**fields: object) -> RoundDetail:
    whole = {
        "id": "round-1",
        "status": RoundStatus.TRAINING,
        "parent_id": "cp-1",
        "requested_by": "ada",
        "created_at": NOW - timedelta(minutes=5),
        "recipe": {},
        "policy": {},
    }
    return RoundDetail.model_validate({**whole, **fields})


def decision(outcome: Outcome = Outcome.PROMOTE) -> GateDecision:
    return GateDecision(
        outcome=outcome,
        policy_hash="p" * 64,
        suite_hash="s" * 64,
        baseline="cp-1",
        candidate="cp-2",
        checks=(GateCheck(name="latency", outcome=Outcome.REJECT, estimate=1.5, explanation="too slow"), GateCheck(name="coverage", outcome=Outcome.HOLD)),
        table=(CapabilityRow(capability=Capability.SAFETY, items=200, baseline=0.5, candidate=0.625, interval=(0.05, 0.2)),),
    )


def test_a_judgement_is_shown_with_question_reply_correction_and_flags() -> None:
    card = render.feedback_card(feedback(rating=-1, correction="colchicine", flags=("unsafe", "simulated")), 0, 3)
    for words in ("1 of 3", "What for gout?", "naproxen", "colchicine", "👎 bad", "unsafe", "simulated", "cp-1"):
        assert words in card


def test_what_people_and_models_wrote_is_escaped() -> None:
    turn = JudgedTurn(checkpoint_id="cp-1", messages=(Message(role="user", content=HOSTILE),), reply=HOSTILE, finish_reason="stop")
    pages = [
        render.feedback_card(feedback(turn=turn, correction=HOSTILE, comment=HOSTILE, flags=(HOSTILE,)), 0, 1),
        render.round_card(a_round(error=HOSTILE, requested_by=HOSTILE), NOW),
        render.audit_table(AuditPage(data=(AuditRow(seq=1, at=NOW, actor=HOSTILE, action=HOSTILE, subject=HOSTILE, detail={"x": HOSTILE}, hash=""),))),
        render.user_table([UserRow(name=HOSTILE, role=Role.ADMIN, active=True, must_change_password=False, created_at=NOW)]),
        render.key_table([KeyRow(id="key-1", label=HOSTILE, user=HOSTILE, scopes=(), created_at=NOW)], NOW),
        render.frozen(a_round(recipe={HOSTILE: HOSTILE})),
    ]
    assert not [page for page in pages if "<script" in page]


def test_a_running_round_shows_stage_step_and_time_left() -> None:
    progress = Progress(stage="training", done=12, total=60, note="reward 0.412", seconds_left=50)
    card = render.round_card(a_round(progress=progress), NOW)
    assert "training: 12 of 60, reward 0.412, about 50 s left" in card
    assert 'max="60" value="12"' in card
    assert "running for 5 min" in card


def test_progress_of_an_earlier_stage_is_not_shown_as_the_present_one() -> None:
    progress = Progress(stage="training", done=60, total=60)
    assert "<progress" not in render.round_card(a_round(status=RoundStatus.EVALUATING, progress=progress), NOW)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"error": "out of memory"}, "out of memory"), ({"cancel_requested": True}, "Being cancelled"), ({"status": "awaiting_signoff"}, "sign off")],
)
def test_a_round_says_what_it_waits_for_or_why_it_failed(fields: dict[str, object], words: str) -> None:
    assert words in render.round_card(a_round(**fields), NOW)


def test_a_canary_shows_both_sides_and_how_far_the_evidence_is_from_stopping_it() -> None:
    unsafe = Watch(signal=Signal.UNSAFE, production=0.01, candidate=0.045, margin=0.01, wealth=12.3, limit=80.0)
    lost = Watch(signal=Signal.LOST, production=None, candidate=0.0, margin=0.1, wealth=1.0, limit=80.0)
    sides = {"candidate": Count(conversations=31, turns=70), "production": Count(conversations=290, turns=640), "settling": 4}
    state = CanaryState(share=0.1, min_turns=200, began_at=NOW, seen_at=NOW, signals=(unsafe, lost), **sides)  # type: ignore[arg-type]  # one literal for all
    progress = Progress(stage="canary", done=70, total=200, note="waits for 130 more turns and 3.0 more hours")
    card = render.round_card(a_round(status=RoundStatus.CANARY, progress=progress, canary=state), NOW)
    for words in ("10% of new conversations", "31 conversations and 70 turns on the candidate", "290 and 640 in production", "4 not settled"):
        assert words in card
    for words in ("<td>1.0%</td><td>4.5%</td><td>1.0%</td><td>12.3</td><td>80</td>", "<td>—</td><td>0.0%</td>", "waits for 130 more turns and 3.0 more hours"):
        assert words in card
    assert "Canary" not in render.round_card(a_round(), NOW)


def test_a_decision_shows_before_after_and_every_check() -> None:
    html = render.decision(decision(Outcome.REJECT))
    for words in ("rejected", "50.0%", "62.5%", "+12.5", "(+5.0 to +20.0)", "latency", "too slow", "coverage"):
        assert words in html


@given(st.integers(0, 350_000))
def test_a_duration_is_short_and_never_negative(seconds: int) -> None:
    assert 0 < len(render.duration(seconds)) <= 11
    assert render.duration(-5.0) == "0 s"


def test_checkpoints_stand_under_their_parents() -> None:
    rows = [checkpoint("base", None), checkpoint("a", "base"), checkpoint("b", "base"), checkpoint("a1", "a"), checkpoint("orphan", "gone")]
    assert [(depth, row.id) for depth, row in render.lineage(rows)] == [(0, "base"), (1, "a"), (2, "a1"), (1, "b"), (0, "orphan")]


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=10))
def test_no_checkpoint_is_lost_from_the_tree(parents: list[int | None]) -> None:
    # A parent is always older than its child.
    rows = [checkpoint(str(n), str(p) if p is not None and p < n else None) for n, p in enumerate(parents)]
    assert sorted(row.id for _, row in render.lineage(rows)) == sorted(row.id for row in rows)


def test_a_broken_trail_is_an_alarm() -> None:
    assert 'role="alert"' in render.audit_table(AuditPage(data=(), first_broken=7))
    assert "event 7" in render.audit_table(AuditPage(data=(), first_broken=7))
    assert 'role="alert"' not in render.audit_table(AuditPage(data=()))


def test_a_step_without_a_scored_reply_leaves_a_gap_in_the_plot() -> None:
    assert render.reward_points([{"step": 1, "rewards": {"safety": 0.5, "domain": None}}, {"step": 2}]) == [{"step": 1, "capability": "safety", "reward": 0.5}]


def test_a_round_that_ended_without_an_exam_promises_no_decision() -> None:
    assert "ended before" in render.decision(None, ended=True)


@pytest.mark.parametrize("html", [render.feedback_card(None, 0, 0), render.round_card(None, NOW), render.decision(None), render.checkpoint_table([])])
def test_an_empty_list_says_what_to_do(html: str) -> None:
    assert "bb-hint" in html


def test_the_plots_are_fetched_anew_every_tenth_step_and_at_the_end() -> None:
    def picture(steps: int, status: RoundStatus = RoundStatus.TRAINING) -> str:
        return render.plots(a_round(status=status, metrics=tuple({"step": n} for n in range(1, steps + 1))))

    assert picture(0) == ""
    assert "/v1/rounds/round-1/plots.png?step=10" in picture(13)
    assert picture(11) == picture(19) != picture(20)
    assert "?step=13" in picture(13, RoundStatus.EVALUATING)
