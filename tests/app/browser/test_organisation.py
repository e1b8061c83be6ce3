"""Signing in through the organisation, in a real browser, at a real provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.browser.conftest import hospital
from tests.app.browser.scripted_hospital import Served, SlowScriptedChat
from tests.app.gateway.provider import Provider, providing


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture
def trusting(tmp_path: Path, provider: Provider) -> Iterator[Served]:
    """The app with the organisation's provider set up."""
    with hospital(tmp_path, SlowScriptedChat(), **provider.settings) as served:
        yield served


def test_a_clinician_comes_in_through_the_organisation_and_one_without_a_role_is_told_why_not(trusting: Served, provider: Provider, page: Page) -> None:
    page.goto(f"{trusting.address}/chat", wait_until="commit")
    page.get_by_role("link", name="organisation").click()
    expect(page.get_by_label("Your question")).to_be_visible()
    expect(page.locator("body")).to_contain_text("oidc:ana")

    page.context.clear_cookies()
    provider.person |= {"sub": "other", "groups": ["canteen"]}
    page.goto(f"{trusting.address}/chat", wait_until="commit")
    page.get_by_role("link", name="organisation").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_visible()
