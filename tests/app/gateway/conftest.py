"""A real app on a real SQLite database; only the model behind it is scripted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.server import create_app
from core import jobs
from core.db import engine_for
from core.llm import ScriptedChat
from core.settings import settings
from tests.app.gateway.provider import Provider, providing
from tests.app.gateway.ward import Ward, count_rows, furnish
from tests.redis_server import RedisServer


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", "k" * 40)
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # nobody there
    monkeypatch.setenv("VLLM_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    settings.cache_clear()
    yield
    engine_for(settings().resolved_database_url).dispose()
    engine_for.cache_clear()
    settings.cache_clear()


@pytest.fixture
def sent_jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What left for the workers."""
    sent: list[tuple[str, str]] = []
    for way in ("send", "send_or_fail"):
        monkeypatch.setattr(jobs, way, lambda name, argument: sent.append((name, argument)))
    return sent


@pytest.fixture
def script() -> list[str]:
    """The next replies of the model; the last one repeats."""
    return ["The first-line treatment of gout is naproxen."]


@pytest.fixture
def ward(script: list[str]) -> Iterator[Ward]:
    def answer(_: object) -> str:
        return script.pop(0) if len(script) > 1 else script[0]

    checkpoint_id, keys = furnish()
    with TestClient(create_app(ScriptedChat(answer), pages=False), raise_server_exceptions=False) as client:
        yield Ward(client, keys, checkpoint_id)


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A real Redis, empty, that apps made from now on use."""
    server = RedisServer(tmp_path)
    server.start()
    monkeypatch.setenv("REDIS_URL", server.url)
    settings.cache_clear()
    yield server
    server.kill()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The organisation's OpenID provider, set up for apps made from now on."""
    with providing() as found:
        for name, value in found.settings.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        yield found


@pytest.fixture
def rows() -> Callable[[], dict[str, int]]:
    """Counts the rows of every table."""
    return count_rows
