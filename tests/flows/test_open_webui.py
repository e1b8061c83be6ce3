"""Open WebUI's own page, unmodified, in a browser, with our API behind it.

It takes 3 GB, so it is not installed here: OPEN_WEBUI names the program (`pip install open-webui==0.12.4` in an environment of its own gives
`bin/open-webui`).
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.app.browser.conftest import browser, page  # noqa: F401  # the same browser, before the real stack
from tests.stack import Stack, free_ports, wait_for

pytestmark = pytest.mark.flow


@pytest.fixture
def open_webui(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """Its address, with the settings that docs/guides/api.md names."""
    if not (program := os.environ.get("OPEN_WEBUI")):
        pytest.skip("OPEN_WEBUI names no open-webui program")
    (port,) = free_ports(1)
    ours = {"OPENAI_API_BASE_URL": f"{stack.address}/v1", "OPENAI_API_KEY": stack.key}
    alone = dict.fromkeys(("ENABLE_OLLAMA_API", "ENABLE_TITLE_GENERATION", "ENABLE_TAGS_GENERATION", "ENABLE_FOLLOW_UP_GENERATION", "WEBUI_AUTH"), "false")
    offline = {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai"}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | ours | alone | offline | {"DATA_DIR": str(tmp_path), "WEBUI_SECRET_KEY": "x" * 32}
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen([program, "serve", "--host", "127.0.0.1", "--port", str(port)], env=env, cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_for("Open WebUI is up", lambda: _answers(f"http://127.0.0.1:{port}/health"))
        yield f"http://127.0.0.1:{port}"
    finally:
        serving.terminate()
        serving.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def _turns(stack: Stack) -> float:
    counts = httpx.get(f"{stack.address}/metrics").raise_for_status().text.splitlines()
    return sum(float(line.split()[-1]) for line in counts if line.startswith("balancedbio_turns_total{"))


def test_a_question_and_an_emergency_asked_through_open_webui(stack: Stack, open_webui: str, page: Page) -> None:  # noqa: F811  # pytest's fixtures are imported by name
    before = _turns(stack)
    page.goto(open_webui, wait_until="commit")
    page.get_by_text("Okay, Let's Go!").click()
    replies = page.locator(".chat-assistant")
    for number, (question, answer) in enumerate(
        (("What is the first-line treatment of gout?", "naproxen"), ("He has crushing chest pain radiating to the left arm.", "This may be an emergency"))
    ):
        page.locator("#chat-input").click()
        page.keyboard.type(question)
        page.keyboard.press("Enter")
        expect(replies.nth(number)).to_contain_text(answer, timeout=60_000)
    assert _turns(stack) - before == 2, "a turn for each question, none for titles and tags"
