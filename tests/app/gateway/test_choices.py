"""Several choices, log-probabilities, tools and bare texts: what goes out is checked, counted and stored as one plain reply is."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.guard import Guard
from app.gateway.turn import _Tokens
from app.server import create_app
from core.db import reading
from core.errors import Unavailable
from core.knowledge import builtin
from core.llm import Chunk
from core.store import get_turn
from core.tables import Turn
from core.types import Message, ToolCall
from tests.app.gateway.test_turn import ALLERGIC
from tests.app.gateway.ward import furnish

ORDER = {"type": "function", "function": {"name": "prescribe", "parameters": {"type": "object"}}}
DOSE = ToolCall(id="call-1", name="prescribe", arguments='{"drug": "amoxicillin", "dose_mg": 500}')


class Played:
    """A model server that plays what a function of the options gives."""

    def __init__(self, play: Callable[[Mapping[str, Any]], Sequence[Chunk | Exception]]) -> None:
        self._play = play
        self.asked: list[tuple[Sequence[Message] | str, Mapping[str, Any]]] = []

    async def stream(self, model: str, messages: Sequence[Message] | str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        self.asked.append((messages, options))
        for step in self._play(options):
            if isinstance(step, Exception):
                raise step
            yield step

    def stream_text(self, model: str, prompt: str, options: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        return self.stream(model, prompt, options)


def said(*texts: str, calls: tuple[ToolCall, ...] = ()) -> list[Chunk]:
    chunks = [Chunk(text=t, logprobs=({"token": t, "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": t, "logprob": -0.5}]},)) for t in texts]
    return [*chunks, Chunk(finish_reason="tool_calls" if calls else "stop", tool_calls=calls, prompt_tokens=9, completion_tokens=len(texts))]


class Visit:
    def __init__(self, play: Callable[[Mapping[str, Any]], Sequence[Chunk | Exception]]) -> None:
        _, keys = furnish()
        self.model = Played(play)
        self._client = TestClient(create_app(self.model, pages=False), raise_server_exceptions=False)
        self._headers = {"Authorization": f"Bearer {keys['ana']}"}

    def ask(self, text: str = "Treatment of gout?", *, path: str = "chat/completions", status: int = 200, **body: Any) -> Any:
        asked = {"prompt": text} if path == "completions" else {"messages": [{"role": "user", "content": text}]}
        answer = self._client.post(f"/v1/{path}", headers=self._headers, json={"model": "balancedbio", **asked, **body})
        assert answer.status_code == status, answer.text
        if not body.get("stream"):
            return answer.json()
        lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


def stored(turn_id: str) -> Turn:
    with reading() as session:
        return get_turn(session, turn_id)


# --- choices ------------------------------------------------------------------------------------------------------


def by_seed(options: Mapping[str, Any]) -> list[Chunk]:
    return said(f"Answer {options['seed']}. ", "Drink water.")


def test_every_choice_is_a_turn_of_its_own_in_one_conversation(rows: Callable[[], dict[str, int]]) -> None:
    reply = Visit(by_seed).ask(n=3, seed=7)
    assert [c["message"]["content"] for c in reply["choices"]] == ["Answer 7. Drink water.", "Answer 8. Drink water.", "Answer 9. Drink water."]
    assert [c["index"] for c in reply["choices"]] == [0, 1, 2]
    assert reply["usage"] == {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
    extensions = reply["balancedbio"]["choices"]
    assert [stored(e["turn_id"]).reply for e in extensions] == [c["message"]["content"] for c in reply["choices"]]
    assert len({e["turn_id"] for e in extensions}) == 3
    assert len({e["conversation_id"] for e in extensions}) == rows()["conversations"] == 1
    assert reply["id"] == reply["balancedbio"]["turn_id"] == extensions[0]["turn_id"]


def test_streamed_choices_carry_their_index_and_each_ends_once() -> None:
    events = Visit(by_seed).ask(n=2, seed=1, stream=True)
    parts = [c for e in events for c in e["choices"]]
    for index in (0, 1):
        own = [c for c in parts if c["index"] == index]
        assert "".join(c["delta"].get("content", "") for c in own) == f"Answer {1 + index}. Drink water."
        assert [c["finish_reason"] for c in own if c["finish_reason"]] == ["stop"]
    assert len({e["id"] for e in events}) == 1
    assert all(e["choices"] for e in events)
    assert [("balancedbio" in e, e["choices"][0]["finish_reason"]) for e in events[-2:]] == [(False, "stop"), (True, "stop")]
    assert len(events[-1]["balancedbio"]["choices"]) == 2


def test_one_unsafe_choice_is_withheld_and_the_others_are_not() -> None:
    visit = Visit(lambda options: said("Give amoxicillin 500 mg.") if options["seed"] == 2 else said("Give doxycycline."))
    reply = visit.ask(ALLERGIC, n=2, seed=1)
    assert [c["finish_reason"] for c in reply["choices"]] == ["stop", "content_filter"]
    assert [e["withheld"] for e in reply["balancedbio"]["choices"]] == [False, True]
    assert "500 mg" not in json.dumps(reply)


def test_a_choice_that_fails_is_one_clear_error(rows: Callable[[], dict[str, int]]) -> None:
    visit = Visit(lambda options: [Unavailable("The model endpoint does not answer")])
    assert visit.ask(n=3, status=503)["error"]["code"] == "service_unavailable"
    assert rows()["turns"] == 0


# --- log-probabilities --------------------------------------------------------------------------------------------


def test_log_probabilities_come_with_the_text_that_was_released() -> None:
    texts = ("Nap", "roxen ", "helps. ", "Rest.")
    visit = Visit(lambda _: said(*texts))
    whole = visit.ask(logprobs=True, top_logprobs=1)
    assert [t["token"] for t in whole["choices"][0]["logprobs"]["content"]] == list(texts)
    events = visit.ask(logprobs=True, stream=True)
    streamed = [t["token"] for e in events for c in e["choices"] if c["logprobs"] for t in c["logprobs"]["content"]]
    assert streamed == list(texts)


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_of_a_withheld_sentence_never_leave(stream: bool) -> None:
    reply = Visit(lambda _: said("It needs ", "an antibiotic. ", "Give ", "amoxicillin ", "500 mg.")).ask(ALLERGIC, logprobs=True, stream=stream)
    tokens = [t["token"] for e in (reply if stream else [reply]) for c in e["choices"] if c["logprobs"] for t in c["logprobs"]["content"]]
    assert tokens == ["It needs ", "an antibiotic. "]


@given(st.lists(st.text("ab. \n", max_size=6), max_size=20), st.lists(st.integers(0, 12), max_size=40))
def test_tokens_leave_in_order_once_and_never_before_their_text(chunks: list[str], releases: list[int]) -> None:
    tokens, come, gone, left = _Tokens(), 0, 0, list[str]()
    text = "".join(chunks)
    for number, chunk in enumerate(chunks):
        tokens.add(Chunk(text=chunk, logprobs=({"token": str(number)},)))
        come += len(chunk)
        step = min(releases[number] if number < len(releases) else 0, come - gone)
        left += [t["token"] for t in tokens.of(text[gone : gone + step])]
        gone += step
        assert left == [str(n) for n in range(len(left))]
        assert sum(len(c) for c in chunks[: len(left)]) <= gone
    left += [t["token"] for t in tokens.of(text[gone:])]
    assert left == [str(n) for n in range(len(chunks))]


# --- tools --------------------------------------------------------------------------------------------------------


def test_a_tool_call_comes_whole_and_is_kept_with_the_turn() -> None:
    call = ToolCall(id="c1", name="lookup_guideline", arguments='{"topic": "gout"}')
    visit = Visit(lambda _: said("Let me look. ", calls=(call,)))
    reply = visit.ask(tools=[ORDER], tool_choice="auto")
    choice = reply["choices"][0]
    expected = {"id": "c1", "type": "function", "function": {"name": "lookup_guideline", "arguments": call.arguments}}
    assert (choice["finish_reason"], choice["message"]["tool_calls"]) == ("tool_calls", [expected])
    assert "lookup_guideline" in stored(reply["id"]).reply
    assert visit.model.asked[0][1] == {"tools": [ORDER], "tool_choice": "auto"}
    events = visit.ask(tools=[ORDER], stream=True)
    assert [c["delta"]["tool_calls"] for e in events for c in e["choices"] if "tool_calls" in c["delta"]] == [[{"index": 0, **expected}]]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_not_told_to_do_what_no_sentence_may_recommend(stream: bool) -> None:
    reply = Visit(lambda _: said(calls=(DOSE,))).ask(ALLERGIC, tools=[ORDER], stream=stream)
    text = json.dumps(reply)
    assert "dose_mg" not in text
    assert "Withheld by the safety check" in text
    assert "content_filter" in text
    turn = stored((reply[-1] if stream else reply)["balancedbio"]["turn_id"])
    assert "dose_mg" in turn.reply, "the reviewers see it"
    assert [f["rule"] for f in turn.findings] == ["contraindication"]


@pytest.mark.parametrize(
    ("name", "arguments", "is_stopped"),
    [
        ("check_allergy", '{"drug": "amoxicillin"}', False),
        ("searchGuidelines", '{"text": "amoxicillin in penicillin allergy"}', False),
        ("show_advice", '{"text": "Give amoxicillin 500 mg."}', True),
        ("get_and_dispense", '{"drug": "amoxicillin"}', True),
        ("getaway", '{"drug": "amoxicillin"}', True),
        ("prescribe_amoxicillin", "{}", True),
        ("prescribeAmoxicillin", "", True),
        ("amoxicillin_order", '{"mg": 500}', True),
        ("doxycycline_order", '{"mg": 100}', False),
        ("doxycycline_order", '{"mg": 5000}', True),
        ("medication_order", '{"drug": "doxycycline", "mg": 100}', False),
        ("order", '{"drugs": ["methotrexate"], "dose_mg": 500}', True),
        ("order", '{"dose": "1 g 8 times a day", "items": [{"name": "paracetamol"}]}', True),
        ("order", '{"drugs": ["doxycycline"], "dose_mg": 100}', False),
        ("order", '{"drugs": ["doxycycline"], "dose_mg": 5000}', True),
        ("order", '{"drugs": ["warfarin", "clarithromycin"]}', True),
        ("order", '{"drugs": ["doxycycline", "paracetamol"], "times": "twice daily"}', False),
        ("prescribe", '{"amoxicillin": true}', True),
        ("prescribe", '{"amoxicillin": {"dose": "500 mg"}}', True),
        ("prescribe", '{"reason": "avoid delay", "drug": "amoxicillin"}', True),
        ("prescribe", '{"amoxicillin": false, "doxycycline": true}', False),
        ("order", '{"drug": "paracetamol", "doseMg": 50000}', True),
        ("order", '{"drug": {"name": "paracetamol"}, "dose": "50 g"}', True),
        ("order", '[{"drug": "doxycycline", "dose_mg": 100}, {"drug": "paracetamol", "dose_mg": 1000}]', False),
        ("order", '{"orders": [{"item": {"name": "amoxicillin"}}]}', True),
        ("order", "amoxicillin 500 mg", True),
        ("order", '{"drug": "doxycycline", "dose_mg": 100}', False),
        ("order", '{"drug": "doxycycline", "dose_mg": 5000}', True),
    ],
)
def test_what_is_not_surely_a_look_up_counts_as_an_order(name: str, arguments: str, is_stopped: bool) -> None:
    guard = Guard([Message(role="user", content=ALLERGIC)], builtin())
    guard.check_calls([ToolCall(id="c", name=name, arguments=arguments)])
    assert bool(guard.withheld) is is_stopped


def test_what_a_tool_returned_counts_as_said_of_the_patient() -> None:
    messages = [
        {"role": "user", "content": "Which antibiotic for her pneumonia?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_record", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"history": ["penicillin allergy"], "name": "Mrs Jane Smith"}'},
    ]
    visit = Visit(lambda _: said("Give amoxicillin 500 mg."))
    reply = visit.ask(messages=messages, tools=[ORDER])
    assert reply["balancedbio"]["withheld"] is True
    sent = visit.model.asked[0][0]
    assert [m.role for m in sent if isinstance(m, Message)] == ["user", "assistant", "tool"]
    assert isinstance(sent[0], Message)
    assert sent[0].content.startswith("Evidence:"), "facts stand with the question, not with what a tool returned"
    assert "Smith" not in json.dumps(stored(reply["id"]).messages)


def test_what_the_system_tells_of_a_patient_counts_and_what_it_tells_the_model_to_do_does_not() -> None:
    def reply(system: str) -> Any:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "What should I give for pneumonia?"}]
        return visit.ask(messages=messages)["balancedbio"]["withheld"]

    visit = Visit(lambda _: said("Give amoxicillin 500 mg."))
    assert reply("You help doctors. The patient is allergic to penicillin.")
    assert reply("History: penicillin allergy")
    assert not reply("You help doctors. Mind penicillin allergy and pregnancy.")


@pytest.mark.parametrize("letter", ["\u200b", "\u00ad", "\u2060"])
def test_letters_that_nobody_sees_hide_no_drug(letter: str) -> None:
    assert Visit(lambda _: said(f"Give amoxi{letter}cillin 500 mg.")).ask(ALLERGIC)["balancedbio"]["withheld"]


# --- bare texts ---------------------------------------------------------------------------------------------------


def test_a_bare_text_is_gone_on_with_under_the_same_guard() -> None:
    visit = Visit(lambda _: said(" amoxicillin 500 mg."))
    reply = visit.ask(f"{ALLERGIC} I recommend that you give", path="completions", max_tokens=5)
    assert (reply["object"], reply["choices"][0]["finish_reason"]) == ("text_completion", "content_filter")
    assert "500 mg" not in json.dumps(reply)
    assert visit.model.asked == [(f"{ALLERGIC} I recommend that you give", {"max_tokens": 5})]


def test_a_drug_may_not_begin_in_the_prompt_and_end_in_the_reply() -> None:
    reply = Visit(lambda _: said("icillin", " 500 mg.")).ask(f"{ALLERGIC} I would prescribe amox", path="completions")
    assert reply["choices"][0]["finish_reason"] == "content_filter"
    assert stored(reply["id"]).reply == "icillin 500 mg."


def test_several_texts_and_choices_are_numbered_in_order() -> None:
    visit = Visit(lambda options: said(f" {options['seed']}"))
    reply = visit.ask(path="completions", prompt=["Gout is", "Asthma is"], n=2, seed=3)
    assert [(c["index"], c["text"]) for c in reply["choices"]] == [(0, " 3"), (1, " 4"), (2, " 3"), (3, " 4")]
    assert sorted((a, o["seed"]) for a, o in visit.model.asked if isinstance(a, str)) == [("Asthma is", 3), ("Asthma is", 4), ("Gout is", 3), ("Gout is", 4)]


def test_log_probabilities_of_a_bare_text_are_parallel_lists() -> None:
    events = Visit(lambda _: said(" a", " b. ", "c")).ask(path="completions", logprobs=1, stream=True)
    parts = [c["logprobs"] for e in events for c in e["choices"] if c["logprobs"]]
    assert [t for p in parts for t in p["tokens"]] == [" a", " b. ", "c"]
    assert parts[0]["top_logprobs"] == [{" a": -0.5}, {" b. ": -0.5}]
    assert [c["finish_reason"] for e in events for c in e["choices"]][-1] == "stop"
