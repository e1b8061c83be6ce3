"""A headless Chromium before the real app, on a real database; only the model is scripted. Skips, saying so, where no browser is found."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from app.gateway.sessions import COOKIE, new_session
from core import store
from core.db import engine_for, reading
from core.settings import settings
from tests.app.browser.scripted_hospital import Served, SlowScriptedChat, free_port
from tests.app.gateway.ward import PASSWORD, furnish

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A busy machine is slow, not wrong.
expect.set_options(timeout=20_000)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def chat() -> SlowScriptedChat:
    return SlowScriptedChat()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, chat: SlowScriptedChat) -> Iterator[Served]:
    """Started once for all tests of a file: Gradio takes seconds to load."""
    with hospital(tmp_path_factory.mktemp("hospital"), chat) as served:
        yield served


@contextmanager
def hospital(folder: Path, chat: SlowScriptedChat, **own: str) -> Iterator[Served]:
    """The app with its data in `folder`, under settings of its `own`."""
    values = {"DATA_DIR": str(folder), "SECRET_KEY": "k" * 40, "DATABASE_URL": "", "REDIS_URL": "redis://127.0.0.1:1/0", "PORT": str(free_port())}
    values |= {"HOST": "127.0.0.1", "PUBLIC_URL": "", "LOG_LEVEL": "ERROR", "GRADIO_ANALYTICS_ENABLED": "False", **own}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in values.items():
            environment.setenv(name, value)
        settings.cache_clear()
        furnish()
        with Served(chat) as served:
            yield served
        engine_for(settings().resolved_database_url).dispose()
        engine_for.cache_clear()
    settings.cache_clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium here; `make browser` gets one")
        try:
            launched = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        except PlaywrightError as error:
            pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty browser window, phone-sized where a test asks for it by `page.set_viewport_size`."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, app: Served, name: str, path: str) -> None:
    """Opens `path` in a session of `name`, without the form, which takes its time on purpose."""
    with reading() as session:
        token = new_session(store.get_user(session, name))
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": app.address}])
    page.goto(f"{app.address}{path}", wait_until="commit")


def sign_in_by_form(page: Page, app: Served, name: str, path: str) -> None:
    """As a person does."""
    page.goto(f"{app.address}{path}", wait_until="commit")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"{path}/?$"), wait_until="commit")
