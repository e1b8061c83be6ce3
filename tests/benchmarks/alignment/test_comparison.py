"""What makes the comparison fair: who is asked what, what the exam holds, how opposed components are read."""

import pytest
from transformers import AutoTokenizer

from alignment.grpo.objectives import is_anchor, part_of
from alignment.mkgsg.curate import word_grams
from alignment.mkgsg.source import enumerate_cases, families_of
from alignment.starter.corpus import Mix, is_held_out
from core.knowledge import Knowledge
from core.types import Capability
from evals.suites import load_suite
from tests.benchmarks.alignment import exam
from tests.benchmarks.alignment.aids import shallow_first, with_hints
from tests.benchmarks.alignment.material import Material, material, plan, prompt_tokens, trained_as
from tests.benchmarks.alignment.opposed import OPPOSED
from tests.benchmarks.alignment.regimes import CONTENDERS, MOST_PROMPT_TOKENS, REGIMES, STRATEGIES
from tests.benchmarks.alignment.results import STARTER

SKEWED = REGIMES["skewed"]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(STARTER)


@pytest.fixture(scope="module")
def skewed(knowledge: Knowledge, tokenizer) -> Material:
    return material(SKEWED, 0, 4, knowledge, tokenizer, reply_tokens=80)


def test_strategies_that_do_not_constrain_are_asked_the_same_prompts_in_the_same_order(skewed: Material):
    plans = [plan(SKEWED, CONTENDERS[s], 0, 4, skewed, prompts=5, steps=20) for s in STRATEGIES]

    assert len({p for s, p in zip(STRATEGIES, plans, strict=True) if s not in ("exact", "balanced")}) == 1
    assert plans[STRATEGIES.index("exact")] == plans[STRATEGIES.index("balanced")]
    assert len({len(p.order) for p in plans}) == 1


def test_four_of_five_prompts_of_a_skewed_round_are_about_its_subject(skewed: Material):
    order = plan(SKEWED, CONTENDERS["sum"], 0, 4, skewed, prompts=5, steps=40).order
    about = [skewed.samples[i].capability for i in order]

    assert about.count(Capability.SAFETY) == pytest.approx(0.8 * len(order), abs=2)
    assert set(about) == set(Capability)


def test_anchors_take_the_place_of_prompts_and_replay_trains_on_it(skewed: Material):
    ours, replay = (plan(SKEWED, CONTENDERS[c], 0, 4, skewed, prompts=5, steps=20) for c in ("balanced", "replay"))

    assert ours == replay
    assert [is_anchor(skewed.samples[i]) for i in ours.order] == [False, False, False, True, True] * 20
    assert not any(map(is_anchor, trained_as(CONTENDERS["replay"], skewed)))


def test_another_seed_is_another_round(skewed: Material, knowledge: Knowledge, tokenizer):
    other = material(SKEWED, 0, 9, knowledge, tokenizer, reply_tokens=80)

    assert {s.id for s in other.samples} != {s.id for s in skewed.samples}


def test_nothing_that_is_trained_on_is_asked_by_the_exam_or_held_out_from_the_starter(skewed: Material, knowledge: Knowledge):
    suite = load_suite("starter")
    asked = frozenset().union(*(word_grams(m.content) for i in suite.items for m in i.messages))
    cases = [c for f in families_of()[Capability.REASONING] for c in enumerate_cases(knowledge.graph)[f] if is_held_out(c, Mix())]
    hidden = {(c.condition, c.other) for c in cases}

    assert hidden
    for sample in skewed.samples:
        assert sample.id not in suite.item_hashes
        assert not word_grams(sample.messages[0].content) & asked
        assert not {(step.subject, p) for step in sample.steps for p in sample.patient} & hidden


def test_the_exam_asks_every_capability_short_questions_and_combinations_that_were_never_shown(knowledge: Knowledge, tokenizer):
    asked = exam.questions(REGIMES["balanced"], knowledge, tokenizer)
    groups = [q.group for q in asked]

    assert {g: groups.count(g) for g in set(groups)} == {**{c.value: exam.EACH for c in Capability}, exam.COMBINED: 4 * exam.COMBINATIONS}
    assert all(prompt_tokens(q.item, tokenizer) <= MOST_PROMPT_TOKENS for q in asked)
    assert asked == exam.questions(SKEWED, knowledge, tokenizer)


def test_short_and_reasoned_replies_each_win_their_own_component(knowledge: Knowledge, tokenizer):
    given = material(REGIMES["opposed-brief"], 0, 0, knowledge, tokenizer, reply_tokens=80)
    item, reference = next((s, r) for s, r in zip(given.samples, given.references, strict=True) if s.steps and "</think>" in r and not s.evidence)
    reasoned, brief = (OPPOSED["brief"].score(item, text, knowledge) for text in (reference, reference.split("</think>")[1]))

    assert (reasoned["reasoning"].value, brief["reasoning"].value) == (1.0, 0.0)
    assert reasoned["brevity"].value < brief["brevity"].value
    assert reasoned["correctness"].value == brief["correctness"].value == 1.0


def test_a_strict_form_has_no_room_for_visible_thinking(knowledge: Knowledge, tokenizer):
    given = material(REGIMES["opposed-strict"], 0, 0, knowledge, tokenizer, reply_tokens=80)
    strict = [
        (OPPOSED["strict"].score(s, r, knowledge), OPPOSED["strict"].score(s, r.split("</think>")[1], knowledge))
        for s, r in zip(given.samples, given.references, strict=True)
        if s.checks[0].kind == "json_keys"
    ]

    assert strict
    for thinking, bare in strict:
        assert (thinking["strict_form"].value, thinking["visible_thinking"].value) == (0.0, 1.0)
        assert (bare["strict_form"].value, bare["visible_thinking"].value) == (1.0, 0.0)


def test_a_round_of_the_ten_is_about_each_capability_in_turn():
    subjects = [max(REGIMES["ten-rounds"].shares_of(r, 0).items(), key=lambda share: share[1])[0] for r in range(10)]

    assert subjects == [*Capability, *Capability]


def test_hints_are_the_facts_of_an_items_own_path_and_end_half_way(skewed: Material, knowledge: Knowledge):
    order = plan(SKEWED, CONTENDERS["hints"], 0, 4, skewed, prompts=5, steps=4).order
    given, hinted = with_hints(skewed, order, knowledge)

    assert hinted[10:] == order[10:]
    for before, after in zip(order[:10], hinted[:10], strict=True):
        own, twin = skewed.samples[before], given.samples[after]
        rows = {f.row for f in knowledge.graph.facts if knowledge.graph.sentence(f) in twin.evidence}
        assert twin.messages == own.messages
        assert own.evidence or rows >= set(own.provenance.ids)
    assert any(given.samples[i].evidence != given.samples[j].evidence for i, j in zip(order[:10], hinted[:10], strict=True))


def test_a_curriculum_asks_shallow_items_first_and_everything_later(skewed: Material):
    order = plan(SKEWED, CONTENDERS["depth"], 0, 4, skewed, prompts=5, steps=40).order
    curriculum = shallow_first(skewed, order)

    assert curriculum[100:] == order[100:]
    deep = [skewed.samples[i] for i in curriculum[:100] if skewed.samples[i].depth > 2]
    assert max(skewed.samples[i].depth for i in order[:100]) > 2
    assert all(part_of(d) != part_of(s) or s.depth > 2 for d in deep for s in skewed.samples)
    assert [part_of(skewed.samples[i]) for i in curriculum] == [part_of(skewed.samples[i]) for i in order]
