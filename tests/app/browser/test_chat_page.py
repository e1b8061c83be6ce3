"""A clinician before the chat page."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from core.db import reading
from core.tables import Feedback, Turn
from tests.app.browser.conftest import sign_in
from tests.app.browser.scripted_hospital import Served, SlowScriptedChat

pytestmark = pytest.mark.flow

QUESTION = "What is the first-line treatment of gout?"


@pytest.fixture
def chat_page(page: Page, app: Served) -> Page:
    sign_in(page, app, "ana", "/chat")
    expect(page.get_by_label("Your question")).to_be_visible()
    return page


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def feedback_of(turn_id: str) -> list[Feedback]:
    with reading() as session:
        return list(session.scalars(select(Feedback).where(Feedback.turn_id == turn_id).order_by(Feedback.created_at)))


def turns() -> list[Turn]:
    with reading() as session:
        return list(session.scalars(select(Turn).order_by(Turn.created_at)))


def test_ask_read_the_verdicts_judge_and_correct(chat_page: Page) -> None:
    page = chat_page
    ask(page, QUESTION)
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator(".bb-supported").first).to_contain_text("gout is treated by naproxen")
    expect(page.locator("#conversation")).to_contain_text("NICE NG219")
    # What the model writes is text: its tags are seen, not run.
    expect(page.locator("#conversation")).to_contain_text("<b>colchicine</b><script>")
    expect(page).to_have_title("BalancedBio")
    # The thought is there and closed.
    expect(page.get_by_text("Thinking — not checked")).to_be_visible()
    expect(page.get_by_text("gout is treated by an anti-inflammatory drug.")).not_to_be_visible()

    page.locator("#thumb-down").click()
    expect(page.locator("#stored")).to_contain_text("Stored: 👎")
    page.get_by_label("Correction: what should it have said?").fill("Naproxen or colchicine; never insulin.")
    page.get_by_label("Unsafe: this could harm a patient").check()
    page.locator("#judge").click()
    expect(page.locator("#stored")).to_contain_text("your correction and unsafe flag")

    turn = turns()[-1]
    expect(page.locator(".bb-about").last).to_contain_text(turn.checkpoint_id)
    expect(page.locator(".bb-about").last).to_contain_text(turn.id)
    thumb, correction = feedback_of(turn.id)
    assert thumb.ratings == {"overall": -1}
    assert correction.correction == "Naproxen or colchicine; never insulin."
    assert correction.flags == ["unsafe"]


def test_stop_aborts_the_model_and_keeps_what_was_said(chat_page: Page, chat: SlowScriptedChat) -> None:
    page, aborted = chat_page, chat.aborted
    ask(page, "A slow one, please")
    expect(page.locator("#conversation")).to_contain_text("Sentence number 1")
    page.locator("#stop").click()
    expect(page.locator(".bb-note")).to_contain_text("You stopped this reply")
    expect(page.locator("#send")).to_be_visible()
    deadline = time.monotonic() + 5
    while chat.aborted == aborted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert chat.aborted == aborted + 1
    assert turns()[-1].finish_reason == "cancelled"
    # A stopped reply can be judged, and the conversation goes on.
    page.locator("#thumb-up").click()
    expect(page.locator("#stored")).to_contain_text(turns()[-1].id)
    ask(page, QUESTION)
    expect(page.locator(".bb-about")).to_have_count(2)
    first, second = turns()[-2:]
    assert first.conversation_id == second.conversation_id


def test_answering_again_replaces_the_reply_and_stores_both(chat_page: Page) -> None:
    page = chat_page
    ask(page, QUESTION)
    expect(page.locator(".bb-about")).to_have_count(1)
    before = turns()[-1].id
    page.locator("#regenerate").click()
    expect(page.locator(".bb-about").last).not_to_contain_text(before)
    expect(page.locator(".bb-about")).to_have_count(1)
    assert [t.messages[-1]["content"] for t in turns()[-2:]] == [QUESTION, QUESTION]
    page.locator("#new-conversation").click()
    expect(page.locator(".bb-about")).to_have_count(0)
    ask(page, QUESTION)
    expect(page.locator(".bb-about")).to_have_count(1)
    assert turns()[-1].conversation_id != turns()[-2].conversation_id


def test_a_new_conversation_ends_the_reply_that_is_being_written(chat_page: Page) -> None:
    page = chat_page
    ask(page, "A slow one, please")
    expect(page.locator("#conversation")).to_contain_text("Sentence number 1")
    page.locator("#new-conversation").click()
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#conversation")).to_contain_text("What would you like to know?")
    page.wait_for_timeout(1_000)
    expect(page.locator("#conversation")).not_to_contain_text("Sentence number")


def test_an_emergency_and_a_withheld_answer_cannot_be_overlooked(chat_page: Page) -> None:
    page = chat_page
    ask(page, "He has crushing chest pain and is sweating")
    expect(page.locator("blockquote")).to_contain_text("This may be an emergency")
    expect(page.locator(".bb-critical")).to_contain_text("Possible emergency")
    ask(page, "She is allergic to penicillin, what should I give?")
    expect(page.locator("#conversation")).to_contain_text("Withheld by the safety check")
    expect(page.locator(".bb-note")).to_contain_text("Withheld")
    expect(page.locator("#conversation")).not_to_contain_text("500 mg three times a day")


def test_a_refused_question_comes_back_with_one_sentence(chat_page: Page) -> None:
    page, huge = chat_page, "gout " * 5_000
    page.get_by_label("Your question").fill(huge)
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("longer than")
    expect(page.get_by_label("Your question")).to_have_value(huge.strip())
    expect(page.locator(".bb-about")).to_have_count(0)


def test_when_the_model_is_away_the_question_is_not_lost(chat_page: Page) -> None:
    ask(chat_page, "unavailable")
    expect(chat_page.locator("#problem")).to_contain_text("The model endpoint does not answer; try again shortly.")
    expect(chat_page.get_by_label("Your question")).to_have_value("unavailable")
    expect(chat_page.locator("#send")).to_be_visible()


def test_a_second_question_waits_in_its_box(chat_page: Page) -> None:
    page = chat_page
    ask(page, "   ")
    page.wait_for_timeout(1_000)
    ask(page, "A slow one, please")
    expect(page.locator("#conversation")).to_contain_text("Sentence number 1")
    ask(page, QUESTION)
    expect(page.locator("#conversation")).to_contain_text("Sentence number 6")
    expect(page.get_by_label("Your question")).to_have_value(QUESTION)
    expect(page.locator("#stop")).to_be_visible()
    page.locator("#stop").click()
    expect(page.locator(".bb-about")).to_have_count(1)


def test_two_people_are_answered_at_the_same_time(chat_page: Page, browser: Browser, app: Served) -> None:
    other = browser.new_context().new_page()
    sign_in(other, app, "ben", "/chat")
    ask(chat_page, "A slow one, please")
    expect(chat_page.locator("#conversation")).to_contain_text("Sentence number 1")
    ask(other, QUESTION)
    expect(other.locator(".bb-about")).to_have_count(1)
    expect(chat_page.locator("#stop")).to_be_visible()
    chat_page.locator("#stop").click()
    expect(chat_page.locator(".bb-note")).to_be_visible()
    other.context.close()


def test_an_ended_session_leads_back_to_the_login_and_loses_no_text(chat_page: Page) -> None:
    page = chat_page
    page.context.clear_cookies()
    ask(page, QUESTION)
    expect(page.get_by_role("alert").filter(has_text="Your session has ended")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in again")).to_have_attribute("href", re.compile(r"/login\?next="))
    expect(page.get_by_label("Your question")).to_have_value(QUESTION)


def test_on_a_phone_nothing_is_wider_than_the_screen(chat_page: Page) -> None:
    page = chat_page
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name=re.compile("Which investigation confirms")).click()
    expect(page.locator(".bb-about")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#send").bounding_box() is not None


def test_every_control_has_a_name_for_screen_readers(chat_page: Page) -> None:
    unnamed = chat_page.evaluate(
        """() => [...document.querySelectorAll('button, textarea, input, a')].filter(e => e.offsetParent)
            .filter(e => !(e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.title || e.innerText).trim()).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert unnamed == []


def test_a_clinician_has_no_way_into_the_admin_page(chat_page: Page, app: Served) -> None:
    expect(chat_page.get_by_role("link", name="Sign out")).to_be_visible()
    expect(chat_page.get_by_role("link", name="Admin")).to_have_count(0)
    answer = chat_page.goto(f"{app.address}/admin")
    assert answer is not None
    assert answer.status == 403


def test_cited_facts_stand_below_the_answer_with_their_rows(chat_page: Page) -> None:
    page = chat_page
    ask(page, "Which drug for osteoarthritis in a patient with congestive heart failure?")
    sources = page.locator(".bb-sources").first
    expect(sources).to_contain_text("An alternative treatment of osteoarthritis is paracetamol.")
    expect(sources).to_contain_text("treated_by.tsv:")
    expect(page.locator(".bb-cite").first).to_have_attribute("title", re.compile("contraindicated in congestive heart failure"))
    expect(page.get_by_text("The source cited does not support this sentence")).to_be_visible()
