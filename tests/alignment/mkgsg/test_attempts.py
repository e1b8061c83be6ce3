"""Curation by a model's tries: what is never solved cannot be answered from what is given, what is always solved is too easy."""

import re

import pytest

from alignment.mkgsg.attempts import ALWAYS_SOLVED, UNANSWERED, Attempts
from alignment.mkgsg.endpoint import Endpoint
from alignment.mkgsg.pipeline import Books, Line
from alignment.mkgsg.source import enumerate_cases
from alignment.mkgsg.tally import Tally
from core.errors import NotFound, Unavailable
from core.knowledge import knowledge
from core.knowledge.evidence import with_evidence
from core.knowledge.graph import Kind
from tests.scripted_endpoint import serving

KNOWN = knowledge()
CASES = enumerate_cases(KNOWN.graph)


def _items(family="first_line", wanted=6, **line):
    return list(Line(KNOWN, **line).items(CASES[family], wanted, "3"))


def _solved(answer, items, tries=4, **options):
    with serving(answer) as script, Endpoint.at(script.url, "scripted", timeout_seconds=5.0, **options) as endpoint:
        return Attempts(endpoint, KNOWN, tries, rest_seconds=0.001).drop_reasons([i.sample for i in items]), script


def test_never_and_always_solved_items_are_dropped_and_the_rest_is_kept():
    items = _items()
    replies = {i.sample.messages[-1].content: i.completion for i in items}
    share = {text: n % 3 for n, text in enumerate(replies)}
    asked = dict.fromkeys(replies, 0)

    def answer(messages, number):
        text = messages[-1]["content"]
        asked[text] += 1
        right = share[text] == 2 or (share[text] == 1 and asked[text] % 2)
        return replies[text] if right else "I do not know."

    reasons, script = _solved(answer, items)
    assert reasons == [UNANSWERED, None, ALWAYS_SOLVED] * 2
    assert len(script.requests) == 4 * len(items)
    assert {r["seed"] for r in script.requests} == {0, 1, 2, 3}


def test_what_was_refused_is_not_asked_about_again():
    samples = [i.sample for i in _items(wanted=2)]
    with serving(lambda m, n: "I do not know.") as script, Endpoint.at(script.url, "scripted") as endpoint:
        attempts = Attempts(endpoint, KNOWN, 2)
        assert attempts.drop_reasons(samples[:1]) == [UNANSWERED]
        assert attempts.drop_reasons(samples) == [UNANSWERED] * 2
    assert len(script.requests) == 4


def test_the_model_is_given_exactly_what_the_item_gives():
    items = _items(books=Books(1.0, 0.0), wanted=2)
    _, script = _solved(lambda m, n: "no", items, tries=2)
    prompts = {r["messages"][-1]["content"] for r in script.requests}
    assert prompts == {with_evidence(i.sample.messages, i.sample.evidence)[-1].content for i in items}
    assert all(re.search(r"^\[1\] ", p, re.M) for p in prompts)


def test_what_an_endpoint_fails_at_once_is_asked_again():
    items = _items(wanted=2)
    replies = {i.sample.messages[-1].content: i.completion for i in items}
    reasons, script = _solved(lambda m, n: 503 if n < 3 else replies[m[-1]["content"]], items, tries=2)
    assert reasons == [ALWAYS_SOLVED] * 2
    assert len(script.requests) == 7


def test_a_prompt_that_the_model_refuses_is_not_solved():
    assert _solved(lambda m, n: 400, _items(wanted=1))[0] == [UNANSWERED]


def test_an_endpoint_that_stays_away_ends_the_run():
    with pytest.raises(Unavailable, match="scripted stayed away"):
        _solved(lambda m, n: 503, _items(wanted=1))


def test_an_unknown_model_ends_the_run():
    with pytest.raises(NotFound, match="scripted"):
        _solved(lambda m, n: 404, _items(wanted=1))


def test_a_cancellation_does_not_wait_for_the_model():
    class Cancelled(Exception):
        pass

    def watch():
        raise Cancelled

    with pytest.raises(Cancelled):
        _solved(lambda m, n: "hang", _items(wanted=1), watch=watch)


def test_drops_are_counted_and_made_up_for():
    """The pipeline draws on until it has what was wanted of what the model solves sometimes."""
    seen: dict[str, int] = {}

    def half(messages, number):
        text = messages[-1]["content"]
        seen[text] = seen.get(text, 0) + 1
        condition = next(c for m in KNOWN.linker.mentions(text) if (c := m.of_kind(Kind.CONDITION)))
        first = next(iter(KNOWN.graph.treatments(condition.id, "first")), None)
        if first is None or len(text) % 3 == 1:  # two of the first eight questions
            return "no"
        return f"Give {KNOWN.graph.label(first.object)}." if seen[text] % 2 else "no"

    tally = Tally()
    with serving(half) as script, Endpoint.at(script.url, "scripted") as endpoint:
        line = Line(KNOWN, tally=tally, attempts=Attempts(endpoint, KNOWN, 2))
        items = list(line.items(CASES["first_line"], 8, "5"))
    assert len(items) == tally.stages["curate"] == 8
    assert tally.dropped[UNANSWERED] > 0
    assert tally.stages["validate"] == 8 + sum(tally.dropped[r] for r in (UNANSWERED, ALWAYS_SOLVED, "near_duplicate", "duplicate"))
