"""Replies that end in an error, or hold what is no text: what is left of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import Unavailable
from tests.app.gateway.test_turn import ALLERGIC, Recorder, stored, visit

Rows = Callable[[], dict[str, int]]


def asked(text: str, *, stream: bool, **body: Any) -> dict[str, Any]:
    return {"model": "balancedbio", "stream": stream, "messages": [{"role": "user", "content": text}], **body}


@pytest.mark.parametrize("begun", [(), ("Call an ambulance. ",)], ids=["before the model's first word", "after it"])
def test_a_conversation_that_began_with_a_banner_can_be_gone_on_with_though_the_model_was_away(begun: tuple[str, ...]) -> None:
    client, headers = visit(Recorder(*begun, Unavailable("The model endpoint does not answer")))
    broken = client.post("/v1/chat/completions", headers=headers, json=asked("crushing chest pain", stream=True))
    assert json.loads(broken.text.strip().splitlines()[-1].removeprefix("data: "))["error"]["code"] == "service_unavailable"
    turn = stored(broken.headers["X-Turn-Id"])
    assert (turn.finish_reason, turn.reply, turn.findings[0]["rule"]) == ("error", "".join(begun), "emergency")
    on = client.post("/v1/chat/completions", headers=headers, json=asked("hi", stream=False, conversation_id=broken.headers["X-Conversation-Id"]))
    assert on.status_code == 503, "the model is still away, the conversation is there"


def test_a_banner_that_is_told_with_the_error_leaves_a_turn_as_well(rows: Rows) -> None:
    client, headers = visit(Recorder(Unavailable("The model endpoint does not answer")))
    assert client.post("/v1/chat/completions", headers=headers, json=asked("crushing chest pain", stream=False)).status_code == 503
    assert (rows()["turns"], rows()["conversations"]) == (1, 1)


@pytest.mark.parametrize("stream", [False, True])
def test_control_characters_of_the_model_are_neither_shown_nor_stored(stream: bool) -> None:
    client, headers = visit(Recorder("Gout is \x00treated by\x1b naproxen. ", "\x00", "Rest."))
    answer = client.post("/v1/chat/completions", headers=headers, json=asked("Gout?", stream=stream))
    turn = stored(answer.headers["X-Turn-Id"])
    assert (turn.finish_reason, turn.reply) == ("stop", "Gout is treated by naproxen. Rest.")
    assert "\\u00" not in answer.text
    assert "\\u00" not in json.dumps([turn.claims, turn.findings])


def test_a_control_character_does_not_hide_a_drug_from_the_rules() -> None:
    client, headers = visit(Recorder("Give amoxi\x00cillin 500 mg."))
    answer = client.post("/v1/chat/completions", headers=headers, json=asked(ALLERGIC, stream=False))
    assert answer.json()["balancedbio"]["withheld"] is True
