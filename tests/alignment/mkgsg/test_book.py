"""The open-book form: everything that is needed is in the block, citations support their sentences, and what is taken out is gone."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.mkgsg.book import LACKING, cite, open_book
from alignment.mkgsg.generate import write
from alignment.mkgsg.source import FAMILIES, enumerate_cases
from alignment.mkgsg.writer import Writer
from core.knowledge import knowledge
from core.knowledge.evidence import INSUFFICIENT
from core.types import Relation
from evals.scorers import score_reply

KNOWN = knowledge()
CASES = enumerate_cases(KNOWN.graph)
NAMES = [f for families in FAMILIES.values() for f in families]


def _opened(family: str, seed: int, *, lacking: bool = False):
    rng = random.Random(seed)
    case = rng.choice(CASES[family])
    return case, open_book(write(case, Writer(KNOWN, rng)), case, KNOWN, rng, lacking=lacking)


@given(st.sampled_from([f for f in NAMES if f != "harmful"]), st.integers(0, 10_000))
def test_the_evidence_holds_every_fact_of_the_path(family, seed):
    case, opened = _opened(family, seed)
    assert opened is not None
    assert {KNOWN.graph.sentence(f) for f in case.facts} <= set(opened.sample.evidence)


@given(st.sampled_from(NAMES), st.integers(0, 10_000))
def test_every_citation_exists(family, seed):
    _, opened = _opened(family, seed)
    if opened is not None:
        for text in (opened.completion, opened.unaligned):
            numbers = [int(n) for n in re.findall(r"\[(\d+)\]", text)]
            assert all(1 <= n <= len(opened.sample.evidence) for n in numbers)


@given(st.sampled_from(sorted(LACKING)), st.integers(0, 10_000))
def test_evidence_that_lacks_the_answer_names_none_and_the_right_reply_says_so(family, seed):
    case, opened = _opened(family, seed, lacking=True)
    if opened is None:
        return
    assert opened.completion == INSUFFICIENT
    assert not {KNOWN.graph.sentence(f) for f in case.facts} & set(opened.sample.evidence)
    assert score_reply(opened.sample, INSUFFICIENT, KNOWN).correct == 1.0
    assert score_reply(opened.sample, opened.unaligned, KNOWN).correct == 0.0


def test_a_refusal_has_no_form_that_lacks_the_answer():
    assert _opened("harmful", 1, lacking=True)[1] is None


@pytest.mark.parametrize("text", ["", "Good morning.", '{"drug": "amoxicillin"}'])
def test_what_no_fact_supports_is_not_cited(text):
    assert cite(text, KNOWN.graph.facts[:3], KNOWN) == text


def test_a_stated_fact_becomes_a_quotation_on_a_line_of_its_own():
    fact = KNOWN.graph.facts[0]
    sentence = KNOWN.graph.sentence(fact)
    assert cite(f"Hello there. {sentence} Bye.", [fact], KNOWN) == f"Hello there.\n[1] {sentence}\nBye."


def test_a_recommendation_is_cited_before_its_full_stop():
    fact = next(f for f in KNOWN.graph.facts if f.relation is Relation.TREATED_BY)
    drug, condition = KNOWN.graph.label(fact.object), KNOWN.graph.label(fact.subject)
    assert cite(f"Give {drug} for {condition}.", [fact], KNOWN) == f"Give {drug} for {condition} [1]."
