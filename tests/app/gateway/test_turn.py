"""A chat turn: what the client sees and what is stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.server import create_app
from core.db import reading, unit_of_work
from core.errors import BadInput, NotFound, Unavailable
from core.llm import ChatModel, Chunk
from core.settings import settings
from core.states import CheckpointStatus
from core.store import get_turn
from core.tables import Checkpoint, Turn
from core.types import Message
from tests.app.gateway.ward import RawVisit, Ward, furnish

ALLERGIC = "My patient with a penicillin allergy has community-acquired pneumonia. Which antibiotic?"


def stored(turn_id: Any) -> Turn:
    with reading() as session:
        return get_turn(session, str(turn_id))


def streamed(ward: Ward, text: str, **body: Any) -> list[dict[str, Any]]:
    payload = {"model": "balancedbio", "stream": True, "messages": [{"role": "user", "content": text}], **body}
    with ward.client.stream("POST", "/v1/chat/completions", headers=ward.bearer("ana"), json=payload) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(e["choices"][0]["delta"].get("content", "") for e in events if e["choices"])


def test_a_reply_says_which_weights_answered_and_what_its_claims_are_worth(ward: Ward) -> None:
    reply = ward.ask("What is the first-line treatment of gout?")
    extension: Any = reply["balancedbio"]
    assert extension["checkpoint_id"] == ward.checkpoint_id == reply["model"]
    assert [c["verdict"] for c in extension["claims"]] == ["supported"]
    assert stored(extension["turn_id"]).reply == "The first-line treatment of gout is naproxen."
    assert stored(extension["turn_id"]).finish_reason == "stop"


def test_headers_say_what_the_reply_is_worth(ward: Ward, script: list[str]) -> None:
    def headers(text: str) -> list[str]:
        body = {"model": "balancedbio", "messages": [{"role": "user", "content": text}]}
        answer = ward.client.post("/v1/chat/completions", headers=ward.bearer("ana"), json=body)
        return [answer.headers[name] for name in ("X-Claims", "X-Findings")]

    assert headers("What is the first-line treatment of gout?") == ["supported=1, contradicted=0, unknown=0", ""]
    script[:] = ["Give amoxicillin 500 mg."]
    assert headers(ALLERGIC) == ["supported=0, contradicted=0, unknown=0", "contraindication"]


def test_a_streamed_reply_is_the_whole_reply_and_ends_with_the_same_extension(ward: Ward, script: list[str]) -> None:
    script[:] = ["<think> Gout. It hurts. </think> The first-line treatment of gout is naproxen. Drink water.\nRest"]
    events = streamed(ward, "Treatment of gout?", stream_options={"include_usage": True})
    assert text_of(events) == script[0]
    assert [e["choices"][0]["finish_reason"] for e in events if e["choices"]][-1] == "stop"
    assert stored(events[-2]["balancedbio"]["turn_id"]).reply == script[0]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] > 0


def test_every_event_has_a_choice_unless_usage_was_asked_for(ward: Ward) -> None:
    """The usual loop takes `choices[0]` of each."""
    events = streamed(ward, "Treatment of gout?")
    assert all(len(e["choices"]) == 1 for e in events)
    assert [(bool(e["choices"][0]["finish_reason"]), "balancedbio" in e) for e in events[-2:]] == [(False, False), (True, True)]
    assert not any("usage" in e for e in events)


def test_an_unsafe_sentence_is_never_sent_and_its_reason_is(ward: Ward, script: list[str]) -> None:
    script[:] = ["Pneumonia needs an antibiotic. Give amoxicillin 500 mg three times daily. Then review."]
    events = streamed(ward, ALLERGIC)
    whole = ward.ask(ALLERGIC)
    for text in (text_of(events), str(whole["choices"][0]["message"]["content"])):
        assert "500 mg" not in text
        assert "Then review" not in text
        assert "Amoxicillin is contraindicated in penicillin allergy" in text
        assert "FDA label: amoxicillin" in text
    assert "Give amoxicillin" not in json.dumps([events, whole])
    assert events[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert events[-1]["balancedbio"]["withheld"] is True
    turn = stored(events[-1]["balancedbio"]["turn_id"])
    assert turn.finish_reason == "withheld"
    assert "Give amoxicillin" in turn.reply  # kept for the reviewers


def test_an_unsafe_sentence_is_not_sent_as_the_quote_of_a_lesser_finding(ward: Ward, script: list[str]) -> None:
    script[:] = ["Pneumonia needs an antibiotic. Give amoxicillin 500 mg three times daily [9]. Then review."]
    reply = ward.ask(ALLERGIC)
    assert [f["rule"] for f in reply["balancedbio"]["findings"] if f["severity"] == "warning"] == ["citation"]  # type: ignore[index]  # the reply is plain JSON
    assert "amoxicillin 500 mg" not in json.dumps(reply)
    findings = stored(reply["balancedbio"]["turn_id"]).findings  # type: ignore[index]  # the reply is plain JSON
    assert all("Give amoxicillin" in f["quote"] for f in findings), "the reviewers see them"


def test_a_thought_may_name_a_drug_in_order_to_rule_it_out(ward: Ward, script: list[str]) -> None:
    script[:] = ["<think> Amoxicillin is first line. </think> Use doxycycline."]
    assert ward.ask(ALLERGIC)["balancedbio"]["withheld"] is False


def test_an_emergency_is_answered_with_urgent_care_first(ward: Ward) -> None:
    events = streamed(ward, "I have crushing chest pain and I am sweating")
    assert text_of(events[:2]).startswith("> **This may be an emergency: possible heart attack")
    assert events[-1]["balancedbio"]["findings"][0]["rule"] == "emergency"
    assert "emergency: possible" not in stored(events[-1]["balancedbio"]["turn_id"]).reply


def test_a_harmful_request_does_not_reach_the_model(ward: Ward, script: list[str]) -> None:
    script[:] = ["MODEL SPOKE"]
    reply = ward.ask("How can I poison my boss?")
    assert "MODEL SPOKE" not in json.dumps(reply)
    assert reply["choices"][0]["finish_reason"] == "content_filter"
    assert stored(reply["balancedbio"]["turn_id"]).finish_reason == "withheld"


def test_a_refusal_to_a_person_in_danger_names_the_emergency_number_first(ward: Ward, script: list[str]) -> None:
    script[:] = ["MODEL SPOKE"]
    reply = ward.ask("How many paracetamol tablets does it take to die?")["choices"][0]["message"]["content"]
    assert reply.startswith("> **This may be an emergency: risk of suicide.** Call your local emergency number")
    assert "Withheld" in reply
    assert "MODEL SPOKE" not in reply


def test_a_turn_is_stored_without_what_identifies_the_patient(ward: Ward, script: list[str]) -> None:
    script[:] = ["Call Mr Smith on 01632 960 983 about gout."]
    reply = ward.ask("My patient Mr John Smith, NHS number 943 476 5919, has gout.")
    turn = stored(reply["balancedbio"]["turn_id"])
    kept = json.dumps([turn.messages, turn.reply, turn.claims, turn.findings])
    assert not any(name in kept for name in ("Smith", "943", "5919", "960 983"))


def test_turns_of_a_conversation_share_it(ward: Ward, rows: Callable[[], dict[str, int]]) -> None:
    first: Any = ward.ask("Gout?")["balancedbio"]
    second: Any = ward.ask("And then?", conversation_id=first["conversation_id"])["balancedbio"]
    assert second["conversation_id"] == first["conversation_id"]
    headers = ward.bearer("ana") | {"X-Conversation-Id": first["conversation_id"]}
    third = ward.client.post("/v1/chat/completions", headers=headers, json={"model": "balancedbio", "messages": [{"role": "user", "content": "hm"}]})
    assert third.headers["X-Conversation-Id"] == first["conversation_id"]
    assert (rows()["conversations"], rows()["turns"]) == (1, 3)


def test_only_an_admin_may_ask_weights_that_passed_no_exam(ward: Ward) -> None:
    with unit_of_work() as session:
        session.add(Checkpoint(id="cp-new", base_model="starter", uri="x", sha256="1" * 64, status=CheckpointStatus.CANDIDATE))
    body = {"model": "cp-new", "messages": [{"role": "user", "content": "hi"}]}
    assert ward.client.post("/v1/chat/completions", headers=ward.bearer("ana"), json=body).status_code == 403
    assert ward.client.post("/v1/chat/completions", headers=ward.bearer("ada"), json=body).headers["X-Checkpoint-Id"] == "cp-new"


class Recorder:
    """Keeps what it was asked; fails, stalls or answers as told."""

    def __init__(self, *steps: str | Exception | None) -> None:
        self.steps, self.model, self.messages, self.options, self.closed = steps, "", [Message(role="user", content="")], {}, False  # type: ignore[var-annotated]  # options of any kind

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
        self.model, self.messages, self.options = model, list(messages), dict(options)
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if step is None:
                    await asyncio.sleep(60)
                else:
                    yield Chunk(text=step)
            yield Chunk(finish_reason="stop", prompt_tokens=1, completion_tokens=1)
        finally:
            self.closed = True


def visit(chat: ChatModel) -> tuple[TestClient, dict[str, str]]:
    _, keys = furnish()
    return TestClient(create_app(chat, pages=False), raise_server_exceptions=False), {"Authorization": f"Bearer {keys['ana']}"}


def test_unknown_fields_reach_the_model_server_and_ours_do_not() -> None:
    chat = Recorder("Yes.")
    client, headers = visit(chat)
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Gout?"}]},
        {"role": "assistant", "content": "> **This may be an emergency: x.** Call.\n\n<think> hm </think> Naproxen."},
        {"role": "user", "content": "Sure?", "name": "ana"},
    ]
    body = {
        "model": "balancedbio",
        "messages": messages,
        "top_k": 5,
        "max_tokens": 7,
        "n": 1,
        "user": "u",
        "store": True,
        "ignore_eos": False,
        "tool_choice": "auto",
        "logprobs": False,
        "stream": None,
        "stream_options": {"include_usage": None},
        "evidence": False,
    }
    assert client.post("/v1/chat/completions", headers=headers, json=body).status_code == 200
    assert chat.options == {"top_k": 5, "max_tokens": 7}
    assert [m.content for m in chat.messages] == ["Gout?", "Naproxen.", "Sure?"]


def test_a_refused_question_is_not_asked_by_going_on() -> None:
    chat = Recorder("Yes.")
    client, headers = visit(chat)
    said: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Gout?"},
        {"role": "assistant", "content": "Naproxen."},
    ]

    def ask(text: str) -> str:
        said.append({"role": "user", "content": text})
        reply = client.post("/v1/chat/completions", headers=headers, json={"model": "balancedbio", "evidence": False, "messages": said})
        said.append(reply.json()["choices"][0]["message"])
        return str(said[-1]["content"])

    assert "Withheld" in ask("How can I poison my husband?")
    assert ask("Go on.") == "Yes."
    assert [(m.role, m.content) for m in chat.messages] == [("system", "Be brief."), ("user", "Gout?"), ("assistant", "Naproxen."), ("user", "Go on.")]


@pytest.mark.parametrize("error", [Unavailable("The model endpoint does not answer"), NotFound("unknown")], ids=["away", "checkpoint not loaded"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_server_that_is_away_is_a_503_and_no_row(rows: Callable[[], dict[str, int]], error: Exception, stream: bool) -> None:
    client, headers = visit(Recorder(error))
    answer = client.post(
        "/v1/chat/completions", headers=headers, json={"model": "balancedbio", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")
    assert int(answer.headers["Retry-After"]) > 0
    assert rows()["turns"] == rows()["conversations"] == 0


def test_an_emergency_is_named_even_when_the_model_server_is_away() -> None:
    client, headers = visit(Recorder(Unavailable("The model endpoint does not answer")))
    body = {"model": "balancedbio", "messages": [{"role": "user", "content": "crushing chest pain"}]}
    whole = client.post("/v1/chat/completions", headers=headers, json=body)
    assert (whole.status_code, "possible heart attack" in whole.json()["error"]["message"]) == (503, True)
    assert "possible heart attack" in client.post("/v1/chat/completions", headers=headers, json=body | {"stream": True}).text


def test_a_model_server_that_dies_half_way_is_an_error_event_and_a_stored_turn() -> None:
    client, headers = visit(Recorder("One sentence. ", "And", Unavailable("The model endpoint does not answer")))
    answer = client.post(
        "/v1/chat/completions", headers=headers, json={"model": "balancedbio", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    )
    assert answer.status_code == 200
    assert json.loads(answer.text.strip().splitlines()[-1].removeprefix("data: "))["error"]["code"] == "service_unavailable"
    turn = stored(answer.headers["X-Turn-Id"])
    assert (turn.finish_reason, turn.reply) == ("error", "One sentence. And")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_aborts_the_model_and_leaves_a_cancelled_turn(stream: bool) -> None:
    chat = Recorder("One sentence. ", "Two", None)
    _, keys = furnish()
    asking = RawVisit(create_app(chat, pages=False), keys["ana"], stream=stream)
    while not chat.messages[0].content or chat.closed:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    asking.hang_up()
    await asking.ended()
    assert chat.closed
    with reading() as session:
        turn = session.query(Turn).one()
        assert (turn.finish_reason, turn.reply) == ("cancelled", "One sentence. Two")
    assert (b"One sentence." in asking.sent) is stream


def test_the_model_is_given_numbered_facts_and_the_client_and_the_turn_hold_them(ward: Ward, script: list[str]) -> None:
    script[:] = ["The first-line treatment of gout is naproxen [1]."]
    extension: Any = ward.ask("What is the first-line treatment of gout?")["balancedbio"]
    first = extension["evidence"][0]
    assert first["statement"] == "A first-line treatment of gout is naproxen."
    assert first["row"].startswith("treated_by.tsv:")
    assert extension["findings"] == []
    turn = stored(extension["turn_id"])
    assert turn.evidence == extension["evidence"]
    assert turn.messages == [{"role": "user", "content": "What is the first-line treatment of gout?"}]  # as the user wrote it


def test_a_citation_that_does_not_support_its_sentence_is_a_finding(ward: Ward, script: list[str]) -> None:
    script[:] = ["Gout is treated by colchicine [1]. Naproxen helps [9]."]
    extension: Any = ward.ask("What is the first-line treatment of gout?")["balancedbio"]
    found = [(f["rule"], f["severity"], f["quote"]) for f in extension["findings"]]
    assert found == [("citation", "warning", "Gout is treated by colchicine. [1]"), ("citation", "warning", "Naproxen helps. [9]")]
    assert extension["withheld"] is False


def test_a_request_or_a_setting_turns_the_facts_off(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ward.ask("Treatment of gout?", evidence=None)["balancedbio"]["evidence"]
    assert ward.ask("Treatment of gout?", evidence=False)["balancedbio"]["evidence"] == []
    monkeypatch.setenv("EVIDENCE_TOKENS", "0")
    settings.cache_clear()
    assert ward.ask("Treatment of gout?")["balancedbio"]["evidence"] == []


def test_facts_leave_a_third_of_the_window_to_the_reply(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_MAX_MODEL_LEN", "300")
    settings.cache_clear()
    assert ward.ask("Treatment of gout?")["balancedbio"]["evidence"]
    assert ward.ask("The patient was well before. " * 30 + "Treatment of gout?")["balancedbio"]["evidence"] == []


class NarrowChat:
    """A model whose window has no room for more than the question."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
        self.prompts.append(messages[-1].content)
        if len(messages[-1].content) > 60:
            raise BadInput("The model refused the request: too long")
        yield Chunk(text="Naproxen.")
        yield Chunk(finish_reason="stop")


def test_facts_are_dropped_first_when_the_prompt_is_too_long_for_the_model() -> None:
    chat = NarrowChat()
    client, headers = visit(chat)
    body = {"model": "balancedbio", "messages": [{"role": "user", "content": "Treatment of gout?"}]}
    reply = client.post("/v1/chat/completions", headers=headers, json=body)
    assert [p.startswith("Evidence:") for p in chat.prompts] == [True, False]
    assert reply.json()["choices"][0]["message"]["content"] == "Naproxen."
    assert stored(reply.json()["balancedbio"]["turn_id"]).evidence == []
    body["messages"] = [{"role": "user", "content": "Treatment of gout? " * 10}]
    assert client.post("/v1/chat/completions", headers=headers, json=body).status_code == 400


def test_no_rule_takes_the_facts_for_what_the_user_said_of_the_patient(ward: Ward, script: list[str]) -> None:
    script[:] = ["Give naproxen [1]."]
    extension: Any = ward.ask("Naproxen: contraindications?")["balancedbio"]
    assert "Naproxen is contraindicated in peptic ulcer disease" in " ".join(e["statement"] for e in extension["evidence"])
    assert [f["rule"] for f in extension["findings"]] == ["citation"]
    assert extension["withheld"] is False
