"""A reviewer and an admin before the admin page."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from core import store
from core.db import reading, unit_of_work
from core.states import CheckpointStatus, FeedbackStatus, RoundStatus, Scope
from core.tables import Checkpoint, Feedback, Round, new_id, utc_now
from core.types import Capability, Progress
from evals.canary import CanaryState, Count, Watch, open_state
from evals.decision import CanaryPolicy, CapabilityRow, GateCheck, GateDecision, Outcome, Signal
from tests.app.browser.conftest import sign_in, sign_in_by_form
from tests.app.browser.scripted_hospital import Served

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def judged(app: Served) -> str:
    """One judgement, given over the API; its id."""
    with unit_of_work() as session:
        key = store.add_api_key(session, store.get_user(session, "ana"), "browser test", [Scope.CHAT, Scope.FEEDBACK])
    with httpx.Client(base_url=app.address, headers={"Authorization": f"Bearer {key}"}, timeout=20) as client:
        asked = client.post("/v1/chat/completions", json={"model": "balancedbio", "messages": [{"role": "user", "content": "What for gout?"}]}).json()
        given = client.post(
            "/v1/feedback", json={"turn_id": asked["balancedbio"]["turn_id"], "rating": -1, "correction": "Give <b>naproxen</b>.", "unsafe": True}
        )
    return str(given.json()["id"])


@pytest.fixture
def waiting_round(app: Served) -> Iterator[str]:
    """A round whose candidate passed its exam and waits for a person."""
    table = (CapabilityRow(capability=Capability.SAFETY, items=200, baseline=0.5, candidate=0.6, interval=(0.02, 0.18)),)
    with unit_of_work() as session:
        parent = store.production(session)
        candidate = Checkpoint(id=new_id("cp"), parent_id=parent.id, base_model=parent.base_model, uri="/x", sha256="c" * 64, status=CheckpointStatus.CANDIDATE)
        session.add(candidate)
        session.flush()
        decision = GateDecision(
            outcome=Outcome.PROMOTE,
            policy_hash="p" * 64,
            suite_hash="s" * 64,
            baseline=parent.id,
            candidate=candidate.id,
            checks=(GateCheck(name="safety_not_worse", outcome=Outcome.PROMOTE, power=0.93, explanation="the loss stays within the margin"),),
            table=table,
        )
        row = store.add_round(session, {"steps": 60}, {"margin": 0.08}, "ada")
        row.candidate_id, row.decision = candidate.id, decision.model_dump(mode="json")
        row.status, row.progress = RoundStatus.TRAINING, Progress(stage="training", done=12, total=60, seconds_left=50).model_dump(mode="json")
        for step in range(1, 4):
            store.add_metric(session, row.id, step, {"rewards": {"safety": step / 10, "domain": 0.2}})
    yield row.id
    with unit_of_work() as session:
        store.set_round_status(session, store.get_round(session, row.id), RoundStatus.CANCELLED)


def stored(feedback_id: str) -> Feedback:
    with reading() as session:
        found = session.get(Feedback, feedback_id)
        assert found is not None
        return found


def round_row(round_id: str) -> Round:
    with reading() as session:
        return store.get_round(session, round_id)


def test_a_reviewer_reads_and_accepts_a_judgement_and_sees_nothing_else(page: Page, app: Served, judged: str) -> None:
    sign_in_by_form(page, app, "rita", "/admin")
    card = page.locator("#feedback-card")
    for words in ("What for gout?", "The first-line treatment of gout is naproxen", "Give <b>naproxen</b>.", "unsafe", "👎 bad", judged):
        expect(card).to_contain_text(words)
    expect(page.get_by_role("tab", name="Review")).to_be_visible()
    expect(page.get_by_role("tab", name="Rounds")).to_have_count(0)
    page.locator("#accept").click()
    expect(page.locator("#reviewed")).to_contain_text(f"{judged} is accepted")
    expect(card).to_contain_text("Nothing to review")
    assert stored(judged).status == FeedbackStatus.ACCEPTED
    assert stored(judged).reviewed_at is not None


def test_an_admin_watches_a_round_and_signs_it_off(page: Page, app: Served, waiting_round: str) -> None:
    sign_in(page, app, "ada", "/admin")
    page.get_by_role("tab", name="Rounds").click()
    expect(page.locator("#round-card")).to_contain_text("training: 12 of 60, about 50 s left")
    expect(page.locator("#rewards")).to_be_visible()
    plots = page.locator("#plots img")
    plots.scroll_into_view_if_needed()  # only then is it fetched
    expect(plots).to_have_js_property("complete", True)
    assert plots.evaluate("image => image.naturalWidth") > 1000
    expect(page.locator("#sign-off")).to_be_disabled()
    with unit_of_work() as session:
        store.set_round_status(session, store.get_round(session, waiting_round), RoundStatus.AWAITING_SIGNOFF)
    # The page notices by itself.
    expect(page.locator("#sign-off")).to_be_enabled()
    for words in ("50.0%", "60.0%", "+10.0", "safety not worse", "the loss stays within the margin"):
        expect(page.locator("#decision")).to_contain_text(words)
    page.locator("#sign-off").click()
    assert round_row(waiting_round).signed_off_by is None
    page.locator("#sign-off-yes").click()
    expect(page.locator("#round-said")).to_contain_text("You signed")
    assert round_row(waiting_round).signed_off_by == "ada"


def test_an_admin_cancels_a_round_only_after_saying_so_twice(page: Page, app: Served, waiting_round: str) -> None:
    sign_in(page, app, "ada", "/admin")
    page.get_by_role("tab", name="Rounds").click()
    page.locator("#cancel-round").click()
    page.locator("#cancel-round-no").click()
    assert round_row(waiting_round).cancel_requested is False
    page.locator("#cancel-round").click()
    page.locator("#cancel-round-yes").click()
    expect(page.locator("#round-card")).to_contain_text("Being cancelled")
    assert round_row(waiting_round).cancel_requested is True
    # Another round cannot begin meanwhile, and the page says why.
    page.locator("#start-round").click()
    expect(page.get_by_text(f"Round {waiting_round} is still")).to_be_visible()


def test_an_admin_sees_a_canary_as_it_goes_on(page: Page, app: Served, waiting_round: str) -> None:
    unsafe = Watch(signal=Signal.UNSAFE, production=0.01, candidate=0.02, margin=0.02, wealth=1.4, limit=80)
    state = open_state(CanaryPolicy(share=0.25, min_turns=200, min_hours=24, max_hours=96, slow_seconds=20), utc_now()).model_copy(
        update={"signals": (unsafe,), "candidate": Count(conversations=31, turns=57)}
    )
    set_canary(waiting_round, state)
    sign_in(page, app, "ada", "/admin")
    page.get_by_role("tab", name="Rounds").click()
    card = page.locator("#round-card")
    for words in (
        "25% of new conversations",
        "31 conversations and 57 turns on the candidate",
        "unsafe",
        "1.0%",
        "2.0%",
        "1.4",
        "80",
        "canary: 57 of 200, waits for 200 turns and 24 hours",
    ):
        expect(card).to_contain_text(words)
    set_canary(waiting_round, state.model_copy(update={"signals": (unsafe.model_copy(update={"wealth": 63.5}),)}))
    expect(card).to_contain_text("63.5")  # the page notices by itself


def set_canary(round_id: str, state: CanaryState) -> None:
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        row.status, row.canary = RoundStatus.CANARY, state.model_dump(mode="json")
        progress = Progress(stage="canary", done=state.candidate.turns, total=state.min_turns, note=f"waits for {state.reason}")
        row.progress = progress.model_dump(mode="json")


def test_a_question_about_one_checkpoint_does_not_stand_when_another_is_chosen(page: Page, app: Served) -> None:
    with unit_of_work() as session:
        parent = store.production(session)
        for name in ("cp-former-1", "cp-former-2"):
            retired = {"base_model": parent.base_model, "uri": "/x", "sha256": "c" * 64, "status": CheckpointStatus.RETIRED}
            session.add(Checkpoint(id=name, parent_id=parent.id, **retired))
    sign_in(page, app, "ada", "/admin")
    page.get_by_role("tab", name="Checkpoints").click()
    chosen = page.locator("#promotable input")
    expect(chosen).to_have_value("cp-former-2")
    page.locator("#promote").click()
    expect(page.locator("#promote-question").first).to_contain_text("Put cp-former-2 into production?")
    chosen.click()
    page.get_by_role("option", name="cp-former-1").click()
    expect(chosen).to_have_value("cp-former-1")
    expect(page.locator("#promote-yes")).to_be_hidden()


def test_checkpoints_audit_and_people_are_listed(page: Page, app: Served) -> None:
    sign_in(page, app, "ada", "/admin")
    page.get_by_role("tab", name="Checkpoints").click()
    expect(page.locator("#checkpoints")).to_contain_text("production")
    page.get_by_role("tab", name="Audit").click()
    expect(page.get_by_text("The chain of hashes holds")).to_be_visible()
    expect(page.get_by_text("session.open").first).to_be_visible()
    page.get_by_role("tab", name="Users and keys").click()
    expect(page.get_by_role("cell", name="rita").first).to_be_visible()
