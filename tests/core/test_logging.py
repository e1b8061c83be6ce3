"""What must never be in a log is not in it, wherever in the event it stood."""

import io
import json
import os
import sys
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.logging import configure_logging, correlation_id, get_logger, mask_secrets

WORD = st.text("abcdefghijkXYZ0123456789_-", min_size=12, max_size=40)


@given(WORD)
def test_keys_tokens_and_passwords_are_masked(secret: str) -> None:
    for shape in ("key bb-{}", "Authorization: Bearer {}", "authorization: bearer {}", "redis://:{}@host:6379/0", "postgresql+psycopg://user:{}@db/name"):
        masked = mask_secrets(shape.format(secret))
        assert "***" in masked
        assert secret not in masked


@pytest.mark.parametrize("password", ["p:w", "p@ss", "a:b@c"])
def test_a_password_may_hold_what_ends_one(password: str) -> None:
    assert mask_secrets(f"redis://user:{password}@host/0") == "redis://user:***@host/0"


def test_browser_sessions_are_masked() -> None:
    assert mask_secrets("bb_session=eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl; path=/") == "bb_session=eyJ***; path=/"


@pytest.mark.parametrize("text", ["at 10:30 dose: 5 mg", "mail a@b.org", "http://127.0.0.1:8600/v1", "sub-bb", "ratio 3:1@noon"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert mask_secrets(text) == text


def test_secrets_are_masked_in_containers_and_exceptions(logs: Any) -> None:
    secret = "bb-abcdef_this_is_the_secret"
    try:
        raise ValueError(f"cannot use {secret}")
    except ValueError as error:
        get_logger("x").exception("failed with " + secret, headers={"a": ["Bearer " + secret]}, error=error, count=3)
    (event,) = logs()
    assert "this_is_the_secret" not in json.dumps(event)
    assert event["count"] == 3
    assert "ValueError" in event["exception"]


def test_the_correlation_id_is_in_every_event_of_its_context(logs: Any) -> None:
    correlation_id.set("round-1")
    get_logger("x").info("one")
    correlation_id.set("")
    get_logger("x").info("two")
    one, two = logs()
    assert one["correlation_id"] == "round-1"
    assert "correlation_id" not in two


def test_an_event_that_nobody_can_take_stops_nothing(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with io.FileIO(writer, "w") as broken:
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(cast(Any, broken), write_through=True))
        configure_logging("INFO")
        with pytest.raises(BrokenPipeError):
            sys.stderr.write("so it is broken")
        get_logger("x").info("said to nobody")
