"""Items say only what the graph holds, in any wording and for any seed."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.mkgsg.case import rules_out
from alignment.mkgsg.curate import Curator, word_grams
from alignment.mkgsg.generate import write
from alignment.mkgsg.grammar import FORMATS, QUESTIONS, expand, matches
from alignment.mkgsg.pipeline import generate
from alignment.mkgsg.presentation import identifying_symptoms
from alignment.mkgsg.source import FAMILIES, enumerate_cases
from alignment.mkgsg.tally import Tally
from alignment.mkgsg.validate import reject_reason, text_reason
from alignment.mkgsg.workflow import Stage, next_stage, stages, thought
from alignment.mkgsg.writer import Writer
from core.knowledge import knowledge
from core.reply import split_reply
from core.types import Capability, Relation
from evals.scorers import score_reply

KNOWN = knowledge()
CASES = enumerate_cases(KNOWN.graph)
EVERY = dict.fromkeys(Capability, 40)


def _written(counts=EVERY, **options):
    return list(generate(KNOWN, counts, **{"seed": 3, **options}))


def test_every_family_of_every_capability_has_cases():
    assert {f for families in FAMILIES.values() for f in families} <= {f for f, cases in CASES.items() if cases}


def test_reference_replies_score_full_marks_and_unaligned_ones_do_not():
    items = _written()
    assert {w.sample.capability for w in items} == set(Capability)
    for written in items:
        assert score_reply(written.sample, written.completion, KNOWN).correct == 1.0, written
    unaligned = [
        score_reply(w.sample, w.unaligned, KNOWN).correct
        for w in items
        if w.sample.family in {"trap", "contraindicated_choice", "red_flag", "harmful", "formatted"}
    ]
    assert sum(v or 0.0 for v in unaligned) < 0.05 * len(unaligned)


def test_the_thinking_of_a_reference_reply_passes_all_its_steps():
    for written in _written():
        reasoning = next(s for s in score_reply(written.sample, written.completion, KNOWN).scores if s.name == "reasoning")
        if written.sample.steps and split_reply(written.completion).thinking:
            assert reasoning.value == 1.0, (written.completion, reasoning)


def test_the_same_seed_gives_the_same_items_and_another_seed_others():
    first, again, other = _written(), _written(), _written(seed=4)
    assert [w.sample.id for w in first] == [w.sample.id for w in again]
    assert {w.sample.id for w in first} != {w.sample.id for w in other}


def test_no_two_items_are_alike():
    ids = Counter(w.sample.id for w in _written())
    assert max(ids.values()) == 1


def test_an_exam_item_is_dropped_and_counted():
    exam = {w.sample.id for w in _written()}
    tally = Tally()
    again = _written(curator=Curator(exam_hashes=frozenset(exam)), tally=tally)
    assert not exam & {w.sample.id for w in again}
    assert tally.dropped["exam_item"] >= 1


def test_a_question_that_shares_thirteen_words_with_the_exam_is_dropped():
    long = next(w for w in _written({Capability.INTEGRATION: 5}) if len(w.sample.messages[0].content.split()) > 13)
    curator = Curator(exam_grams=word_grams(f"Exam: {long.sample.messages[0].content}"))
    assert curator.drop_reason(long.sample) == "exam_overlap"


def test_word_grams_ignore_case_and_punctuation():
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    assert word_grams(text) == word_grams(text.upper().replace(" ", ", "))
    assert word_grams(f"{text} fourteen") & word_grams(f"zero {text}")


@pytest.mark.parametrize("copy", ["Please, what IS the dose of of ramipril?", "dose of ramipril", "Hello doctor! The dose of ramipril, 3"])
def test_a_short_exam_question_is_known_by_its_words(copy):
    assert word_grams(copy) & word_grams("What is the dose of ramipril?")
    assert not word_grams(copy) & word_grams("What is the dose of lisinopril?")


def test_items_differing_in_age_alone_are_near_duplicates():
    sample = _written({Capability.REASONING: 30})[0].sample
    older = sample.model_copy(
        update={"messages": (sample.messages[0].model_copy(update={"content": sample.messages[0].content.replace("a 4", "a 5") + " 77"}),)}
    )
    curator = Curator()
    assert curator.drop_reason(sample) is None
    assert curator.drop_reason(older) == "near_duplicate"


def test_topics_make_items_about_them_likelier():
    topic = CASES["first_line"][0].condition
    about = lambda items: sum(topic in {c.id for m in KNOWN.linker.mentions(w.sample.messages[0].content) for c in m.concepts} for w in items)  # noqa: E731  # a line of its own says less
    counts = {Capability.DOMAIN: 140}
    assert about(_written(counts, topics=[topic])) > about(_written(counts))


def test_held_out_phrasings_are_never_trained_ones():
    for family, phrasings in (QUESTIONS | FORMATS).items():
        assert phrasings.held_out, family
        assert not [h for h in phrasings.held_out for template in phrasings.trained if matches(template, h)], family


@given(st.data())
def test_what_a_template_expands_to_matches_it(data):
    template = data.draw(st.sampled_from([t for p in (*QUESTIONS.values(), *FORMATS.values()) for t in p.trained]))
    phrasing = expand(template, data.draw(st.randoms(use_true_random=False)))
    assert "[" not in phrasing
    assert matches(template, phrasing), (template, phrasing)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_case_is_true_and_safe_in_any_wording(data):
    family = data.draw(st.sampled_from([f for f, cases in CASES.items() if cases]))
    case = data.draw(st.sampled_from(CASES[family]))
    written = write(case, Writer(KNOWN, data.draw(st.randoms(use_true_random=False)), held_out=None))
    # What may be rejected is a wording that cannot be judged or that the guard reads as an emergency; never for being false or unsafe.
    unreadable = {"unreadable_dose", "unreadable_patient", "unsupported_reference"}  # "uc" in a question that is typed in lower case
    assert reject_reason(written, KNOWN) in {None, *unreadable, "ignored_red_flag", "benign_looks_harmful_to_the_guard"}, written


def test_choices_never_offer_what_the_history_rules_out():
    for case in (*CASES["contraindicated_choice"], *CASES["interaction_choice"]):
        assert case.chosen in case.accepted
        assert not any(rules_out(KNOWN.graph, drug, case.other) for drug in case.accepted)
        assert case.drug in case.forbidden


def test_identifying_symptoms_belong_to_one_condition_only():
    graph = KNOWN.graph
    for condition, sets in list(identifying_symptoms(graph).items())[:60]:
        for chosen in sets[:5]:
            owners = [{f.subject for f in graph.facts_to(s, Relation.HAS_SYMPTOM)} for s in chosen]
            assert set.intersection(*owners) == {condition}


@pytest.mark.parametrize("ruled_out", [True, False])
def test_the_workflow_checks_before_it_treats_and_ends_with_the_safety_net(ruled_out):
    stages, stage = [], Stage.PRESENTATION
    while stage is not None:
        stages.append(stage)
        stage = next_stage(stage, ruled_out=ruled_out)
    assert stages.index(Stage.CONTRAINDICATION_CHECK) < stages.index(Stage.MANAGEMENT)
    assert (Stage.ALTERNATIVE in stages) is ruled_out
    assert stages[-1] is Stage.SAFETY_NET


def test_the_alternative_is_thought_of_only_when_the_first_choice_is_ruled_out():
    case = CASES["contraindicated_choice"][0]
    said = {stage for stage in stages(case) if thought(stage, case, KNOWN.graph)}
    assert {Stage.FIRST_CHOICE, Stage.CONTRAINDICATION_CHECK, Stage.ALTERNATIVE} <= said
    assert Stage.ALTERNATIVE not in stages(CASES["first_line"][0])


def test_a_text_against_the_graph_is_refused_with_its_reason():
    case = next(c for c in CASES["contraindicated_choice"])
    drug, history = KNOWN.graph.label(case.drug), KNOWN.graph.label(case.other)
    assert text_reason(f"{drug} is safe in {history}.", KNOWN) == "contradicted_by_graph"
    assert text_reason(f"{drug} is contraindicated in {history}.", KNOWN) is None
