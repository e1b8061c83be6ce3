"""Fixtures that every room uses: settings of their own, a fresh database, the built-in knowledge base."""

import io
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings as hypothesis_settings

from core import db
from core.knowledge import Knowledge, builtin
from core.logging import configure_logging
from core.settings import Settings, settings
from core.tables import Table

# Modules that configure a process when imported (the Celery application) need one; tests that use it have settings of their own.
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 25)
# What a developer has imported into the checkout's own var/ must not change what tests see.
os.environ["DATA_DIR"] = str(Path(tempfile.gettempdir()) / "balancedbio-tests-without-data")

# A busy machine is no defect: no test judges time.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings that point into a temporary folder, with a Redis address where nothing listens."""
    for name, value in {"DATA_DIR": str(tmp_path / "var"), "SECRET_KEY": "x" * 40, "DATABASE_URL": "", "REDIS_URL": "redis://127.0.0.1:1/0"}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield settings()
    settings.cache_clear()


@pytest.fixture
def database(test_settings: Settings) -> Iterator[None]:
    """An empty SQLite database with all tables."""
    engine = db.engine_for(test_settings.resolved_database_url)
    Table.metadata.create_all(engine)
    yield
    engine.dispose()


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Configured logging; call it for the events written so far."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("INFO")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return builtin()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data beside the checkout; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the public data sets are not at {SHARED}")
    return SHARED
