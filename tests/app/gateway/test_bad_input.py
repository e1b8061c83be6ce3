"""Each kind of bad input gets one clear error in OpenAI's shape and leaves no row behind."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.app.gateway.ward import Ward

CHAT, TEXT, FEEDBACK = "/v1/chat/completions", "/v1/completions", "/v1/feedback"


def asking(content: Any, **more: Any) -> bytes:
    return json.dumps({"model": "balancedbio", "messages": [{"role": "user", "content": content}], **more}).encode()


class Bad(NamedTuple):
    path: str
    body: bytes
    status: int
    says: str
    who: str = "ana"


CASES = {
    "no body": Bad(CHAT, b"", 400, "empty"),
    "malformed JSON": Bad(CHAT, b'{"model": "balancedbio", ', 400, "not valid JSON"),
    "JSON that is no object": Bad(CHAT, b"[1]", 400, "JSON object"),
    "NaN": Bad(CHAT, b'{"model": NaN}', 400, "NaN"),
    "JSON nested too deeply": Bad(CHAT, b"[" * 50_000, 400, "not valid JSON"),
    "invalid UTF-8": Bad(CHAT, asking("x").replace(b"x", b"\xff\xfe"), 400, "UTF-8"),
    "half a surrogate pair": Bad(CHAT, asking("x").replace(b'"x"', b'"\\ud800"'), 400, "surrogate"),
    "binary body": Bad(CHAT, bytes(range(256)), 400, "UTF-8"),
    "binary text": Bad(CHAT, asking("a\x00b\x01"), 400, "binary"),
    "empty text": Bad(CHAT, asking(""), 400, "empty"),
    "blank text": Bad(CHAT, asking(" \n\t "), 400, "empty"),
    "1 MB of text": Bad(CHAT, asking("a" * 1_000_000), 413, "larger than"),
    "text over the prompt limit": Bad(CHAT, asking("a" * 30_000), 400, "longer than"),
    "no messages": Bad(CHAT, b'{"model": "balancedbio", "messages": []}', 400, "messages"),
    "no model": Bad(CHAT, b'{"messages": [{"role": "user", "content": "hi"}]}', 400, "model"),
    "messages of the wrong kind": Bad(CHAT, b'{"model": "balancedbio", "messages": "hi"}', 400, "messages"),
    "content of no kind": Bad(CHAT, asking(None), 400, "messages.0: content is missing"),
    "an image": Bad(CHAT, asking([{"type": "image_url", "image_url": {"url": "x"}}]), 400, "messages"),
    "unknown role": Bad(CHAT, b'{"model": "balancedbio", "messages": [{"role": "king", "content": "hi"}]}', 400, "role"),
    "more choices than there may be": Bad(CHAT, asking("hi", n=9), 400, "n: "),
    "a field that goes round the guard": Bad(CHAT, asking("hi", prompt_logprobs=1), 400, "prompt_logprobs"),
    "a field of vLLM's that is the operator's": Bad(CHAT, asking("hi", priority=-10), 400, "'priority' is not a field"),
    "a sampling field of the wrong kind": Bad(CHAT, asking("hi", max_tokens="x"), 400, "max_tokens"),
    "a tool that must be called": Bad(CHAT, asking("hi", tool_choice="required"), 400, "tool_choice"),
    "a field that nobody knows": Bad(CHAT, asking("hi", temprature=0.5), 400, "'temprature' is not a field"),
    "unknown model": Bad(CHAT, asking("hi", model="gpt-9"), 404, "gpt-9"),
    "unknown conversation": Bad(CHAT, asking("hi", conversation_id="conv-nowhere"), 404, "conv-nowhere"),
    "malformed conversation id": Bad(CHAT, asking("hi", conversation_id="../etc"), 400, "conversation_id"),
    "bad key": Bad(CHAT, asking("hi"), 401, "not valid", who="stranger"),
    "feedback on an unknown turn": Bad(FEEDBACK, b'{"turn_id": "turn-nowhere", "rating": 1}', 404, "turn-nowhere"),
    "feedback that says nothing": Bad(FEEDBACK, b'{"turn_id": "turn-1"}', 400, "rating"),
    "feedback with a rating of 5": Bad(FEEDBACK, b'{"turn_id": "turn-1", "rating": 5}', 400, "rating"),
    "feedback with an unknown field": Bad(FEEDBACK, b'{"turn_id": "turn-1", "rating": 1, "stars": 3}', 400, "stars"),
    "binary correction": Bad(FEEDBACK, b'{"turn_id": "turn-1", "correction": "a\\u0000b"}', 400, "binary"),
    "a round as a clinician": Bad("/v1/rounds", b'{"recipe": "test"}', 403, "admin"),
    "a round with an unknown recipe": Bad("/v1/rounds", b'{"recipe": "nonesuch"}', 400, "nonesuch", who="ada"),
    "a round with a path for a recipe": Bad("/v1/rounds", b'{"recipe": "../../etc/passwd"}', 400, "recipe", who="ada"),
    "review as a clinician": Bad("/v1/feedback/fb-1/review", b'{"status": "accepted"}', 403, "review"),
    "review of unknown feedback": Bad("/v1/feedback/fb-1/review", b'{"status": "accepted"}', 404, "fb-1", who="rita"),
    "review with a wrong status": Bad("/v1/feedback/fb-1/review", b'{"status": "maybe"}', 400, "status", who="rita"),
    "promotion of an unknown checkpoint": Bad("/v1/checkpoints/cp-1/promote", b"", 404, "cp-1", who="ada"),
    "sign-off of an unknown round": Bad("/v1/rounds/round-1/signoff", b"", 404, "round-1", who="ada"),
    "a malformed id in the path": Bad("/v1/rounds/%00%ff/cancel", b"", 400, "round_id", who="ada"),
    "no such address": Bad("/v1/responses", b"{}", 404, "/v1/responses"),
    "a text to go on with that is empty": Bad(TEXT, b'{"model": "balancedbio", "prompt": " "}', 400, "prompt"),
    "more texts than there may be": Bad(TEXT, b'{"model": "balancedbio", "prompt": ["a", "b", "c", "d", "e", "f", "g", "h", "i"]}', 400, "prompt"),
    "more choices of several texts than there may be": Bad(TEXT, b'{"model": "balancedbio", "prompt": ["a", "b", "c"], "n": 3}', 400, "prompt"),
    "tokens in place of a text": Bad(TEXT, b'{"model": "balancedbio", "prompt": [1, 2]}', 400, "prompt"),
    "a text that would be sent back": Bad(TEXT, b'{"model": "balancedbio", "prompt": "a", "echo": true}', 400, "echo"),
    "a tool's result without its call": Bad(CHAT, b'{"model": "balancedbio", "messages": [{"role": "tool", "content": "5"}]}', 400, "tool_call_id"),
    "a tool's result that answers nobody": Bad(
        CHAT, b'{"model": "balancedbio", "messages": [{"role": "tool", "content": "5", "tool_call_id": "c"}]}', 400, "a user's"
    ),
    "likely tokens without any token": Bad(CHAT, asking("hi", top_logprobs=2), 400, "logprobs"),
}


STREAMED = {
    f"{name}, streamed": case._replace(body=case.body[:-1] + b', "stream": true}')
    for name, case in CASES.items()
    if case.path == CHAT and case.body.endswith(b"}")
}


@pytest.mark.parametrize("case", (CASES | STREAMED).values(), ids=(CASES | STREAMED).keys())
def test_bad_input_gets_one_clear_error_and_writes_nothing(ward: Ward, rows: Callable[[], dict[str, int]], case: Bad) -> None:
    before = rows()
    headers = ward.bearer(case.who) if case.who in ward.keys else {"Authorization": "Bearer bb-wrong"}
    answer = ward.client.post(case.path, content=case.body, headers=headers | {"Content-Type": "application/json"})
    assert answer.status_code == case.status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert case.says in error["message"]
    assert len(error["message"]) < 400
    assert rows() == before | {"audit_events": int(case.status == 403)}


def test_a_key_without_the_scope_is_refused(ward: Ward) -> None:
    for method, path in (("GET", "/v1/rounds"), ("GET", "/v1/checkpoints"), ("GET", "/v1/feedback"), ("POST", "/v1/rounds/round-1/signoff")):
        answer = ward.client.request(method, path, headers=ward.bearer("ana"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied"), path


def test_another_users_turn_and_conversation_do_not_exist(ward: Ward, rows: Callable[[], dict[str, int]]) -> None:
    mine = ward.ask("What treats gout?")["balancedbio"]
    before = rows()
    judged = ward.client.post(FEEDBACK, headers=ward.bearer("ben"), json={"turn_id": mine["turn_id"], "rating": 1})
    joined = ward.client.post(CHAT, headers=ward.bearer("ben"), content=asking("hi", conversation_id=mine["conversation_id"]))
    assert (judged.status_code, joined.status_code) == (404, 404)
    assert rows() == before


def test_a_body_without_announced_length_is_cut_off_at_the_limit(ward: Ward) -> None:
    answer = ward.client.post(CHAT, headers=ward.bearer("ana"), content=(b"a" * 10_000 for _ in range(100)))
    assert answer.status_code == 413


def test_an_anonymous_caller_is_refused_before_its_body_is_read(ward: Ward) -> None:
    assert ward.client.post(CHAT, content=b"a" * 1_000_000).status_code == 401
