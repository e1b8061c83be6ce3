"""Replicas on real sockets: who is asked, who is left out and comes back, and that a failure before any text is nobody's failure."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import replicas as replicas_file
from core.errors import BadInput, NotFound, Unavailable
from core.llm import OpenAIChat, complete
from core.replicas import Replica, Replicas, choose, connect
from core.types import Message

ASKED = [Message(role="user", content="First-line drug for gout?")]


class Backend:
    """A vLLM of a few words. It can die, come back on its port, forget models, and fail in the ways that endpoints do."""

    def __init__(self, name: str) -> None:
        self.name, self.port, self.models, self.failure, self.asked = name, 0, {"m", "other"}, "", 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._server: asyncio.Server | None = None
        self._dies = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        self._dies.clear()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        assert self._server
        self._dies.set()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection
        self._connections.add(connection)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()  # who asked has gone away
        finally:
            self._connections.discard(connection)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if self.failure == "hangs":
            self.asked += 1
            await self._dies.wait()
            writer.close()
            return
        if head.startswith("get"):
            writer.write(_reply("200 OK", json.dumps({"data": [{"id": m} for m in self.models]})))
        else:
            body = json.loads(await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0])))
            self.asked += 1
            await self.may_answer.wait()
            writer.write(self._answer(body["model"]))
        await writer.drain()
        writer.close()

    def _answer(self, model: str) -> bytes:
        if model not in self.models:
            return _reply("404 Not Found", json.dumps({"error": {"message": f"no {model}"}}))
        text = _event({"index": 0, "delta": {"content": self.name}, "finish_reason": None})
        end = _event({"index": 0, "delta": {}, "finish_reason": "stop"}) + "data: [DONE]\n\n"
        match self.failure:
            case "refuses":
                return _reply("400 Bad Request", json.dumps({"error": {"message": "too long"}}))
            case "fails":
                return _reply("500 Internal Server Error", "{}")
            case "hangs up":
                return b""
            case "is a web page":
                return _reply("200 OK", "<html>", "text/html")
            case "breaks off":
                return _reply("200 OK", text, "text/event-stream")
        return _reply("200 OK", text + end, "text/event-stream")


def _reply(status: str, body: str, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


def _event(choice: dict[str, object]) -> str:
    return f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'created': 0, 'model': 'm', 'choices': [choice]})}\n\n"


class Pair:
    def __init__(self) -> None:
        self.a, self.b = Backend("a"), Backend("b")
        self.chat: Replicas

    async def ask(self, model: str = "m") -> str:
        return (await complete(self.chat, model, ASKED, {}))[0]

    async def until_asked(self, backend: Backend, model: str = "m") -> None:
        """Asks until that one has answered; each question must be answered by somebody."""
        for _ in range(500):
            if await self.ask(model) == backend.name:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{backend.name} never came back")


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    found = Pair()
    await found.a.live()
    await found.b.live()
    chat = connect({b.name: f"http://127.0.0.1:{b.port}/v1" for b in (found.a, found.b)}, timeout_seconds=5)
    assert isinstance(chat, Replicas)
    found.chat = chat
    try:
        yield found
    finally:
        await chat.close()
        await found.a.die()
        await found.b.die()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas_file, "LOOK_SECONDS", 0.02)


async def test_one_address_is_asked_directly() -> None:
    chat = connect({"vllm": "http://127.0.0.1:1/v1"}, timeout_seconds=5)
    assert isinstance(chat, OpenAIChat)
    await chat.close()


async def test_requests_one_after_the_other_go_round() -> None:
    async with pair() as it:
        assert [await it.ask() for _ in range(4)] == ["a", "b", "a", "b"]


async def test_the_one_with_less_to_do_is_asked() -> None:
    async with pair() as it:
        it.a.may_answer.clear()
        waiting = asyncio.create_task(it.ask())
        while not it.a.asked:
            await asyncio.sleep(0.01)
        assert [await it.ask() for _ in range(3)] == ["b", "b", "b"]
        it.a.may_answer.set()
        assert await waiting == "a"
        assert await it.ask() == "a", "it has nothing left to do, and the other was asked last"


@pytest.mark.parametrize("failure", ["fails", "hangs up", "is a web page"])
async def test_what_fails_before_any_text_is_asked_of_another(failure: str) -> None:
    async with pair() as it:
        it.a.failure = failure
        assert [await it.ask() for _ in range(3)] == ["b", "b", "b"]
        it.a.failure = ""
        await it.until_asked(it.a)


async def test_a_dead_one_costs_nobody_an_answer_and_comes_back_by_itself() -> None:
    async with pair() as it:
        await it.a.die()
        assert [await it.ask() for _ in range(5)] == ["b"] * 5
        await it.a.live()
        await it.until_asked(it.a)


async def test_one_that_comes_back_without_the_checkpoint_waits_until_it_is_loaded() -> None:
    async with pair() as it:
        await it.a.die()
        assert await it.ask() == "b"
        it.a.models = {"other"}
        await it.a.live()
        await it.until_asked(it.a, "other")
        assert [await it.ask() for _ in range(5)] == ["b"] * 5
        it.a.models = {"m", "other"}
        await it.until_asked(it.a)


async def test_one_that_lacks_a_checkpoint_still_answers_for_others() -> None:
    async with pair() as it:
        it.a.models = {"other"}
        assert [await it.ask() for _ in range(3)] == ["b"] * 3
        assert await it.ask("other") == "a"


async def test_after_some_text_a_failure_is_an_error_and_nobody_else_is_asked() -> None:
    async with pair() as it:
        it.a.failure = "breaks off"
        with pytest.raises(Unavailable):
            await it.ask()
        assert it.b.asked == 0


async def test_a_refused_request_is_the_callers_to_mend() -> None:
    async with pair() as it:
        it.a.failure = "refuses"
        with pytest.raises(BadInput, match="too long"):
            await it.ask()
        assert it.b.asked == 0
        it.a.failure = ""
        assert {await it.ask(), await it.ask()} == {"a", "b"}, "nothing is wrong with the replica"


async def test_when_none_is_left_the_reason_is_said_and_the_first_that_is_back_answers() -> None:
    async with pair() as it:
        await it.a.die()
        await it.b.die()
        with pytest.raises(Unavailable, match="does not answer"):
            await it.ask()
        await it.b.live()
        assert await it.ask() == "b"
        await it.a.live()


async def test_a_model_that_none_has_is_not_found() -> None:
    async with pair() as it:
        with pytest.raises(NotFound, match="nothing"):
            await it.ask("nothing")
        assert (it.a.asked, it.b.asked) == (1, 1)


async def test_one_that_hangs_is_left_out_after_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas_file, "ANSWER_SECONDS", 0.1)
    async with pair() as it:
        it.a.failure = "hangs"
        stuck = asyncio.create_task(it.ask())
        hanging, answering = it.chat._replicas
        while not hanging.is_out("m"):
            await asyncio.sleep(0.01)
        answering.in_flight = 5
        assert await it.ask() == "b", "though the other has less to do"
        it.a.failure = ""
        await it.until_asked(it.a)
        stuck.cancel()


async def test_who_stops_reading_leaves_no_request_behind() -> None:
    async with pair() as it:
        for _ in range(3):
            async with aclosing(it.chat.stream("m", ASKED, {})) as chunks:
                await anext(chunks)
        assert [await it.ask() for _ in range(2)] == ["b", "a"], "still in turn: none counts as busy"


# --- the choice itself -------------------------------------------------------------------------------------------


NOBODY = OpenAIChat("http://127.0.0.1:1/v1")


def a_replica(name: str, *, in_flight: int = 0, last_turn: int = -1, failed: bool = False, lacking: frozenset[str] = frozenset()) -> Replica:
    replica = Replica(name, "", NOBODY)
    replica.in_flight, replica.last_turn, replica.failed, replica.lacking = in_flight, last_turn, failed, set(lacking)
    return replica


states = st.fixed_dictionaries(
    {"in_flight": st.integers(0, 3), "last_turn": st.integers(-1, 5), "failed": st.booleans(), "lacking": st.frozensets(st.sampled_from(["m", "other"]))}
)


@given(st.lists(states, min_size=1, max_size=6))
def test_least_loaded_of_those_that_are_in_ties_by_turn(found: list[dict[str, object]]) -> None:
    group = [a_replica(str(n), **state) for n, state in enumerate(found)]  # type: ignore[arg-type]  # fields by name, of several types
    chosen = choose(group, "m")
    living = [r for r in group if not r.failed and "m" not in r.lacking]
    assert not living or chosen in living, "one that is out is never chosen while another is in"
    rivals = [r for r in living or group if r.in_flight == min(q.in_flight for q in living or group)]
    assert chosen in rivals
    assert chosen.last_turn == min(r.last_turn for r in rivals)


@given(st.integers(1, 5), st.integers(1, 60))
def test_loads_never_differ_by_more_than_one_while_nothing_ends(count: int, requests: int) -> None:
    group = [a_replica(str(n)) for n in range(count)]
    for turn in range(requests):
        replica = choose(group, "m")
        replica.in_flight += 1
        replica.last_turn = turn
        assert max(r.in_flight for r in group) - min(r.in_flight for r in group) <= 1


Event = tuple[str, str, frozenset[str]]
models = st.sampled_from(["m", "other"])
events = st.tuples(st.sampled_from(["answered", "unavailable", "not found", "looked"]), models, st.frozensets(models))


@given(st.lists(events, max_size=30))
def test_a_replica_is_in_for_a_model_exactly_while_its_last_word_on_it_was_good(told: list[Event]) -> None:
    replica = a_replica("a")
    apply: dict[str, Callable[[str, frozenset[str]], None]] = {
        "answered": lambda model, _: replica.answered(model),
        "unavailable": lambda model, _: replica.refused(model, Unavailable("away")),
        "not found": lambda model, _: replica.refused(model, NotFound("unknown")),
        "looked": lambda model, served: replica.serves(model, set(served)),
    }
    alive, known = True, {"m": True, "other": True}
    for kind, model, served in told:
        apply[kind](model, served)
        alive = alive if kind == "not found" else kind != "unavailable"
        match kind:
            case "answered":
                known[model] = True
            case "not found":
                known[model] = False
            case "looked":
                known |= dict.fromkeys(served, True) | {model: model in served}
        assert {m: replica.is_out(m) for m in known} == {m: not (alive and known[m]) for m in known}
