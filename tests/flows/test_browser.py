"""Walk: the first admin, in a real browser, on the real stack: sign in once, choose a password, ask, judge, start a round, see it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.app.browser.conftest import browser, page  # noqa: F401  # the same browser, before the real stack
from tests.stack import Stack

pytestmark = pytest.mark.flow


def test_the_first_admin_signs_in_asks_judges_and_starts_a_round(stack: Stack, page: Page) -> None:  # noqa: F811  # pytest's fixtures are imported by name
    page.goto(f"{stack.address}/", wait_until="commit")
    page.fill("[name=name]", "admin")
    page.fill("[name=password]", stack.password)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("password"))
    page.fill("[name=old]", stack.password)
    page.fill("[name=new]", "a-password-of-my-own")
    page.fill("[name=repeated]", "a-password-of-my-own")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/chat"), wait_until="commit")

    page.get_by_label("Your question").fill("What is the first-line treatment of gout?")
    page.keyboard.press("Enter")
    production = next(c["id"] for c in stack.api("GET", "checkpoints")["data"] if c["status"] == "production")
    expect(page.locator(".bb-about").last).to_contain_text(production, timeout=60_000)
    page.locator("#thumb-up").click()
    expect(page.locator("#stored")).to_contain_text("Stored")

    page.goto(f"{stack.address}/admin", wait_until="commit")
    page.get_by_role("tab", name="Rounds").click()
    before = len(stack.api("GET", "rounds")["data"])
    page.locator("#start-round").click()
    expect(page.locator("#round-card")).to_contain_text(re.compile("queued|building|training", re.I), timeout=60_000)
    rounds = stack.api("GET", "rounds")["data"]
    assert len(rounds) == before + 1
    stack.api("POST", f"rounds/{rounds[0]['id']}/cancel")
