"""Held-out questions and how a model does on them: greedily and sampled, each reply marked by the exam's own scorers."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from alignment.mkgsg.pipeline import Books, generate
from alignment.mkgsg.source import enumerate_cases, families_of
from alignment.starter.corpus import Mix, never_shown
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.types import Capability, Item
from evals.scorers import score_reply
from evals.suites import load_suite
from tests.benchmarks.alignment.decode import decode
from tests.benchmarks.alignment.material import prompt_tokens
from tests.benchmarks.alignment.opposed import OPPOSED
from tests.benchmarks.alignment.regimes import MOST_PROMPT_TOKENS, Regime

EACH = 80
"""Exam items of each capability, half of them open book where there are as many short ones."""
COMBINATIONS = 20
"""Items of each family that has combinations which the starter was never shown."""
OPPOSED_ITEMS = 120
SAMPLES = 2
"""More questions tell more than more samples of the same ones."""
COMBINED = "combinations"
"""The group of the held-out combinations; they count for no capability."""
_EXAM_SEED = 20_261


class Question(NamedTuple):
    item: Item
    group: str
    """The capability, `COMBINED`, or empty: marked by components."""


Marks = Mapping[str, tuple[float | None, ...]]
"""By group (or component), a mark in [0, 1] for each question; None where the question is of another group or is not scored."""


def questions(regime: Regime, knowledge: Knowledge, tokenizer: Any) -> tuple[Question, ...]:
    """The same for every contender and every seed."""
    return _opposed(regime, knowledge, tokenizer) if regime.opposed else (*_exam(tokenizer), *_combinations(knowledge, tokenizer))


def _exam(tokenizer: Any) -> list[Question]:
    rng = random.Random(_EXAM_SEED)
    short = [i for i in load_suite("starter").items if prompt_tokens(i, tokenizer) <= MOST_PROMPT_TOKENS]
    found: list[Question] = []
    for capability in Capability:
        own = [i for i in short if i.capability is capability]
        closed, opened = ([i for i in own if i.book == book] for book in ("closed", "open"))
        chosen = rng.sample(opened, min(EACH // 2, len(opened)))
        chosen += rng.sample(closed, min(EACH - len(chosen), len(closed)))
        found += [Question(i, capability.value) for i in chosen]
    return found


def _combinations(knowledge: Knowledge, tokenizer: Any) -> list[Question]:
    """Condition and history that never stood together in the starter's texts nor in training, closed book, in phrasings of their own."""
    cases = never_shown(enumerate_cases(knowledge.graph), Mix())
    counts = {c: 3 * COMBINATIONS * len(own) for c, own in families_of(tuple(cases)).items()}
    made = [w.sample for w in generate(knowledge, counts, seed=_EXAM_SEED, cases=cases, held_out=True)]
    short = [i for i in made if prompt_tokens(i, tokenizer) <= MOST_PROMPT_TOKENS]
    return [Question(i, COMBINED) for f in cases for i in [i for i in short if i.family == f][:COMBINATIONS]]


def _opposed(regime: Regime, knowledge: Knowledge, tokenizer: Any) -> tuple[Question, ...]:
    """Items of the regime's families in phrasings that no training text has."""
    cases = enumerate_cases(knowledge.graph, regime.families)
    share = dict.fromkeys(regime.shares, 4 * OPPOSED_ITEMS)
    made = [w.sample for w in generate(knowledge, share, seed=_EXAM_SEED, cases=cases, held_out=True, books=Books(open=0.4, lacking=0.0))]
    short = [i for i in made if prompt_tokens(i, tokenizer) <= MOST_PROMPT_TOKENS]
    each = OPPOSED_ITEMS // len(cases)
    return tuple(Question(i, "") for f in cases for i in [i for i in short if i.family == f][:each])


def marks(regime: Regime, asked: Sequence[Question], replies: Sequence[str], knowledge: Knowledge) -> Marks:
    """Marks of one reply to each question."""
    if regime.opposed:
        scored = [OPPOSED[regime.opposed].score(q.item, r, knowledge) for q, r in zip(asked, replies, strict=True)]
        return {name: tuple(s[name].value if name in s else None for s in scored) for name in OPPOSED[regime.opposed].components}
    right = [score_reply(q.item, r, knowledge).correct or 0.0 for q, r in zip(asked, replies, strict=True)]
    return {g: tuple(v if q.group == g else None for q, v in zip(asked, right, strict=True)) for g in (*(c.value for c in Capability), COMBINED)}


def mean_of(several: Sequence[Marks]) -> Marks:
    """The mean over the samples of each question."""
    return {group: tuple(_mean(values) for values in zip(*(m[group] for m in several), strict=True)) for group in several[0]}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def replies(model: Any, tokenizer: Any, items: Sequence[Item], *, temperature: float, reply_tokens: int, seed: int = 0) -> list[str]:
    """One reply for each item from a merged model; temperature 0 is greedy."""
    messages = [[m.model_dump() for m in with_evidence(i.messages, i.evidence)] for i in items]
    prompts = [tokenizer.apply_chat_template(m, add_generation_prompt=True, return_dict=True)["input_ids"] for m in messages]
    said = decode(model, prompts, max_new_tokens=reply_tokens, temperature=temperature, seed=seed)
    return [tokenizer.decode(tokens, skip_special_tokens=True) for tokens in said]
