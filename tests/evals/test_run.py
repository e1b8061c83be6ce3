"""An exam is whole or was not sat: refused items fail, an endpoint that dies ends it, and the order is the suite's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest

from core.errors import AppError, BadInput, LostLease, NotFound, Unavailable
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.llm import Chunk, ScriptedChat
from core.types import Item, Message
from evals.run import run_suite
from evals.suites import Suite, load_suite

SUITE = Suite("few", load_suite("smoke").items[::4])


class FailingChat:
    """Answers until the given call, then fails so every time."""

    def __init__(self, error: AppError, after: int) -> None:
        self.error, self.left, self.running, self.most = error, after, 0, 0

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
        self.left -= 1
        fails = self.left < 0
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        yield Chunk(text="half an answer")
        if fails:
            raise self.error
        yield Chunk(finish_reason="stop")


def answer_by(oracle: Callable[[Item], str]) -> ScriptedChat:
    replies = {with_evidence(i.messages, i.evidence): oracle(i) for i in SUITE.items}
    return ScriptedChat(lambda messages: replies[tuple(messages)])


async def test_the_report_has_every_item_in_order_with_its_score(knowledge: Knowledge, right: Callable[[Item], str]) -> None:
    seen: list[tuple[int, int]] = []
    report = await run_suite(SUITE, answer_by(right), "m", knowledge, lambda done, total: seen.append((done, total)))
    assert [r.item_id for r in report.items] == [i.id for i in SUITE.items]
    assert [(r.capability, r.family, r.cluster, r.book) for r in report.items] == [(i.capability, i.family, i.cluster, i.book) for i in SUITE.items]
    assert {r.book for r in report.items} == {"open", "closed"}
    assert {r.correct for r in report.items} == {1.0}
    assert all(r.error is None and r.latency_ms is not None and r.latency_ms >= 0 and r.reply for r in report.items)
    assert (report.suite, report.suite_hash, report.model) == ("few", SUITE.hash, "m")
    assert seen == [(n + 1, len(SUITE.items)) for n in range(len(SUITE.items))]


async def test_two_exams_of_one_model_say_the_same(knowledge: Knowledge, half_right: Callable[[Item], str]) -> None:
    first, second = [await run_suite(SUITE, answer_by(half_right), "m", knowledge) for _ in range(2)]
    assert [r.model_copy(update={"latency_ms": None}) for r in first.items] == [r.model_copy(update={"latency_ms": None}) for r in second.items]


async def test_a_refused_item_is_a_failed_item(knowledge: Knowledge) -> None:
    report = await run_suite(SUITE, FailingChat(BadInput("The model refused the request: too long"), after=3), "m", knowledge)
    failed = [r for r in report.items if r.error]
    assert len(failed) == len(SUITE.items) - 3
    assert all((r.correct, r.reply, r.latency_ms, r.scores) == (None, "", None, ()) and "too long" in str(r.error) for r in failed)


async def test_an_endpoint_that_dies_ends_the_exam(knowledge: Knowledge) -> None:
    with pytest.raises(Unavailable, match="The exam of m was cut short: gone"):
        await run_suite(SUITE, FailingChat(Unavailable("gone"), after=5), "m", knowledge)


async def test_a_model_that_the_endpoint_does_not_know_is_named_so(knowledge: Knowledge) -> None:
    with pytest.raises(NotFound, match="does not know"):
        await run_suite(SUITE, FailingChat(NotFound("The endpoint does not know 'm'"), after=0), "m", knowledge)


async def test_what_the_watcher_of_the_progress_raises_ends_the_exam_as_it_is(knowledge: Knowledge) -> None:
    def lost(done: int, total: int) -> None:
        raise LostLease("taken over")

    with pytest.raises(LostLease):
        await run_suite(SUITE, ScriptedChat(lambda _: "Yes."), "m", knowledge, lost)


async def test_no_more_than_thirty_two_are_asked_at_once(knowledge: Knowledge) -> None:
    chat = FailingChat(Unavailable("never"), after=10_000)
    await run_suite(load_suite("smoke"), chat, "m", knowledge)
    assert 1 < chat.most <= 32


async def test_a_reply_that_never_ends_fails_its_item_and_is_left(knowledge: Knowledge) -> None:
    class EndlessChat:
        closed = 0

        async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
            try:
                while True:
                    yield Chunk(text="and so on, ")
            finally:
                self.closed += 1

    chat = EndlessChat()
    report = await run_suite(SUITE, chat, "m", knowledge)
    assert all(r.correct is None and r.error and "goes on after" in r.error for r in report.items)
    assert chat.closed == len(SUITE.items)


async def test_a_reply_that_takes_for_ever_fails_its_item(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    class SilentChat:
        async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
            await asyncio.Event().wait()
            yield Chunk()

    monkeypatch.setattr("evals.run._REPLY_SECONDS", 0.01)
    report = await run_suite(SUITE, SilentChat(), "m", knowledge)
    assert all(r.correct is None and r.error and "had not ended" in r.error for r in report.items)


async def test_every_item_has_the_room_that_it_asks_for(knowledge: Knowledge) -> None:
    asked = list[int]()

    class WatchedChat:
        async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
            asked.append(options["max_tokens"])
            yield Chunk(text="No.", finish_reason="stop")

    items = tuple(i.model_copy(update={"reply_tokens": n}) for n, i in enumerate(SUITE.items[:3], start=7))
    await run_suite(Suite("few", items), WatchedChat(), "m", knowledge)
    assert asked == [7, 8, 9]


async def test_an_exam_can_be_cancelled(knowledge: Knowledge) -> None:
    class SlowChat:
        async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
            await asyncio.sleep(60)
            yield Chunk()

    exam = asyncio.create_task(run_suite(SUITE, SlowChat(), "m", knowledge))
    await asyncio.sleep(0.01)
    exam.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exam


async def test_an_empty_suite_gives_an_empty_report(knowledge: Knowledge) -> None:
    assert (await run_suite(Suite("none", ()), ScriptedChat(lambda _: ""), "m", knowledge)).items == ()
