import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.capability import capability_asked
from alignment.dataset import build_dataset, load_dataset
from alignment.feedback import FeedbackExample
from alignment.mkgsg.curate import word_grams
from alignment.recipe import Recipe
from alignment.rewards.judgements import JUDGEMENTS, judgements_of, read_judgements, write_judgements
from core.errors import ArtifactError
from core.knowledge import knowledge
from core.types import Capability, Message

KNOWN = knowledge()
GRAPH = KNOWN.graph
FIRST = next(f for c in GRAPH.concepts for f in GRAPH.treatments(c, "first"))
QUESTION = f"What helps against {GRAPH.label(FIRST.subject)}?"
GOOD, BAD = f"Give {GRAPH.label(FIRST.object)}.", "I do not know."


def example(number, reply, question=QUESTION, **more):
    return FeedbackExample(id=f"fb-{number:03}", messages=(Message(role="user", content=question),), reply=reply, **more)


def kept(*examples, **more):
    return judgements_of(examples, KNOWN, **more).kept


def test_two_replies_to_one_question_rated_apart_are_a_pair():
    (pair,) = kept(example(1, GOOD, rating=1), example(2, BAD, rating=-1))
    assert (pair.chosen, pair.rejected, pair.source, pair.capability) == (GOOD, BAD, "ratings", Capability.DOMAIN)
    assert pair.feedback == ("fb-001", "fb-002")


@pytest.mark.parametrize("fault", [{"rating": -1}, {"unsafe": True}, {"rating": 1, "unsafe": True}, {"correction": f"{GOOD} It is usual."}])
def test_a_reply_that_was_flagged_or_corrected_was_not_found_good(fault):
    pairs = kept(example(1, GOOD, rating=1), example(2, BAD, **fault))
    assert [(p.chosen, p.rejected) for p in pairs if p.source == "ratings"] == [(GOOD, BAD)]


def test_a_correction_is_preferred_to_what_it_corrects():
    (pair,) = kept(example(1, BAD, correction=f" {GOOD} ", simulated=True))
    assert (pair.chosen, pair.rejected, pair.source, pair.simulated) == (GOOD, BAD, "correction", True)


@pytest.mark.parametrize(
    "examples",
    [
        (example(1, GOOD, rating=1), example(2, BAD, rating=1)),
        (example(1, GOOD, rating=1), example(2, BAD)),
        (example(1, GOOD, rating=1), example(2, BAD, question="What else?", rating=-1)),
        (example(1, GOOD, rating=1), example(2, BAD, evidence=("A fact.",), rating=-1)),
        (example(1, GOOD, rating=1), example(2, GOOD, rating=-1), example(3, BAD, rating=-1), example(4, BAD, rating=1)),
    ],
    ids=["both good", "one unrated", "other question", "other evidence", "raters disagree"],
)
def test_what_does_not_say_which_is_better_is_no_pair(examples):
    assert kept(*examples) == ()


RULE = next(f for f in GRAPH.facts if f.relation == "contraindicated_in" and f.object.startswith("DOID"))


@pytest.mark.parametrize(
    ("good", "bad", "question", "reason"),
    [
        (f"Give {GRAPH.label(RULE.subject)}.", BAD, f"The patient has {GRAPH.label(RULE.object)}. What do you give for pain?", "unsafe_"),
        (f"{GRAPH.label(RULE.subject)} is safe in {GRAPH.label(RULE.object)}.", BAD, QUESTION, "contradicted_by_graph"),
        ("<think>one</think> Same  answer.", "<think>two</think> Same answer.", QUESTION, "equal_answers"),
        ("<think>never ends", BAD, QUESTION, "without_answer"),
        ("\ud800 half", BAD, QUESTION, "unreadable"),
    ],
    ids=["unsafe", "contradicted", "thinking alone differs", "no answer", "half a character"],
)
def test_what_must_not_be_preferred_is_dropped_with_its_reason(good, bad, question, reason):
    found = judgements_of([example(1, good, question, rating=1), example(2, bad, question, rating=-1)], KNOWN)
    assert found.kept == ()
    assert [r.startswith(f"judgement_{reason}") for r in found.dropped] == [True]


def test_pairs_whose_worse_reply_the_rules_condemn_anyway_measure_nothing_and_are_learnt_from():
    graph_says_no = f"{GRAPH.label(RULE.subject)} is safe in {GRAPH.label(RULE.object)}."
    patient = f"The patient has {GRAPH.label(RULE.object)}. What do you give for pain?"
    unsafe = f"Give {GRAPH.label(RULE.subject)}."
    for question, worse in ((QUESTION, graph_says_no), (patient, unsafe)):
        (pair,) = kept(example(1, "Rest.", question, rating=1), example(2, worse, question, rating=-1))
        assert (pair.one_band, pair.held_out, pair.measures) == (False, False, False)
    (pair,) = kept(example(1, GOOD, rating=1), example(2, BAD, rating=-1))
    assert (pair.one_band, pair.held_out, pair.measures) == (True, True, True)


def test_questions_of_the_exam_are_not_judged_in_training():
    found = judgements_of([example(1, GOOD, rating=1), example(2, BAD, rating=-1)], KNOWN, exam_grams=word_grams(QUESTION))
    assert (found.kept, dict(found.dropped)) == ((), {"judgement_exam_overlap": 1})


def _many(questions):
    names = sorted(c.label for c in GRAPH.concepts.values() if c.id.startswith("DOID"))[:questions]
    examples = []
    for i, name in enumerate(names):
        asked = f"What helps against {name}?"
        examples += [
            example(10 * i, GOOD, asked, rating=1),
            example(10 * i + 1, BAD, asked, rating=-1),
            example(10 * i + 2, "Perhaps.", asked, correction=GOOD),
        ]
    return examples


def test_half_of_the_rated_questions_are_held_out_with_all_their_pairs():
    pairs = kept(*_many(10), example(500, BAD, "What is never rated?", correction=GOOD))
    held_out, learnt = ({p.question for p in pairs if p.held_out is is_held_out} for is_held_out in (True, False))
    assert held_out.isdisjoint(learnt)
    assert (len(held_out), len(learnt)) == (5, 6)
    assert any(p.source == "correction" for p in pairs if p.held_out)


@pytest.mark.parametrize("who", [0, 1])
def test_what_a_script_judged_is_learnt_from_and_measures_nothing(who):
    """One side of a pair is enough."""
    rated = [e for e in _many(12) if not e.correction]
    pairs = kept(*(e.model_copy(update={"simulated": i < 20 and i % 2 == who}) for i, e in enumerate(rated)))
    assert [sum(p.simulated is is_simulated for p in pairs) for is_simulated in (True, False)] == [10, 2]
    (measuring,) = (p for p in pairs if p.measures)
    assert not measuring.simulated
    assert [p for p in pairs if p.held_out] == [measuring], "what measures nothing is not held out from learning"


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_the_order_of_the_feedback_changes_nothing(seed):
    examples = _many(3)
    shuffled = random.Random(seed).sample(examples, len(examples))
    assert judgements_of(shuffled, KNOWN) == judgements_of(examples, KNOWN)


def test_numbers_and_filler_do_not_make_another_question():
    one, other = (kept(example(1, BAD, q, correction=GOOD))[0] for q in ("Please tell me the dose at 80 mg", "the dose at 40 mg?"))
    assert one.question == other.question


def test_judgements_are_read_as_they_were_written_and_damage_is_named(tmp_path):
    pairs = kept(*_many(2))
    assert read_judgements(tmp_path) == ()
    write_judgements(tmp_path, pairs)
    assert read_judgements(tmp_path) == pairs
    with (tmp_path / JUDGEMENTS).open("a") as stream:
        stream.write('{"chosen": 1}\n')
    with pytest.raises(ArtifactError, match=rf"{JUDGEMENTS}:{len(pairs) + 1} is not a judgement"):
        read_judgements(tmp_path)


def test_a_round_keeps_its_judgements_with_its_data(tmp_path):
    small = Recipe(items_per_capability=1, anchor_per_capability=0, preference=True)
    unsafe = f"{GRAPH.label(RULE.subject)} is safe in {GRAPH.label(RULE.object)}."
    judged = [*_many(1), example(900, BAD, "What now?", correction=unsafe)]
    manifest = build_dataset(tmp_path / "d", recipe=small, feedback=(), judged=judged, exam_hashes=frozenset(), knowledge=KNOWN, weaknesses={})
    assert manifest.judgements == {"correction": 1, "ratings": 2}
    assert manifest.dropped["judgement_contradicted_by_graph"] == 1
    assert len(read_judgements(tmp_path / "d")) == 3
    assert load_dataset(tmp_path / "d")


def test_a_question_is_read_as_of_the_capability_that_it_was_made_for(tmp_path):
    mixed = Recipe(seed=4711, items_per_capability=30, anchor_per_capability=0)
    build_dataset(tmp_path / "d", recipe=mixed, feedback=(), exam_hashes=frozenset(), knowledge=KNOWN, weaknesses={})
    samples = load_dataset(tmp_path / "d")
    for capability in Capability:
        own = [s for s in samples if s.capability is capability]
        assert sum(capability_asked(s.messages, KNOWN) is capability for s in own) / len(own) > 0.6, capability
    assert sum(capability_asked(s.messages, KNOWN) is s.capability for s in samples) / len(samples) > 0.8
