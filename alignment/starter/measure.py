"""How good is a model at each family of items, with the book open and closed? Scored by the same scorers as exams and rewards.

The questions are drawn from the graph like the training texts; `unseen` and `open_book` use only phrasings that no training text has.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from alignment.mkgsg.book import LACKING
from alignment.mkgsg.case import Case
from alignment.mkgsg.nonce import nonce_graph
from alignment.mkgsg.pipeline import CLOSED, Books, generate
from alignment.mkgsg.source import FAMILIES, enumerate_cases
from alignment.starter.corpus import Mix, is_held_out, never_shown
from core.knowledge import Knowledge
from core.knowledge.evidence import with_evidence
from core.types import Capability, TrainingSample
from evals.scorers import score_reply

MAX_NEW_TOKENS = 160
BATCH = 96
OPEN, ALL_LACKING = Books(open=1.0, lacking=0.0), Books(open=1.0, lacking=1.0)

Answer = Callable[[Sequence[TrainingSample], float], Sequence[str]]
"""Replies to items at a temperature."""


class Row(NamedTuple):
    family: str
    capability: Capability
    items: int
    greedy: float | None
    """Closed book, greedy decoding, trained phrasings. None: not asked."""
    unseen: float | None
    """Closed book, greedy decoding, phrasings that were never trained."""
    sampled: float | None
    """Closed book, mean over samples at temperature 1, unseen phrasings: what GRPO starts from."""
    open_book: float | None
    """With evidence, greedy decoding, unseen phrasings."""


def measure(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, knowledge: Knowledge, *, per_family: int = 60, seed: int = 1, samples: int = 2
) -> list[Row]:
    """A row for each family; then for the combinations held out of training, for evidence that lacks the answer, and for concepts made up now."""

    def answer(items: Sequence[TrainingSample], temperature: float) -> list[str]:
        return replies(model, tokenizer, items, temperature=temperature, seed=seed)

    mix, everything = Mix(), enumerate_cases(knowledge.graph)
    shown = {f: tuple(c for c in cases if not is_held_out(c, mix)) for f, cases in everything.items()}
    made_up = Knowledge.of(nonce_graph(knowledge.graph, f"measure:{seed}"))
    new = enumerate_cases(made_up.graph)
    lacking = {f: c for f, c in new.items() if f in LACKING}
    return [
        *_rows(answer, knowledge, shown, per_family, seed, samples),
        *_rows(answer, knowledge, never_shown(everything, mix), per_family, seed, samples, " (held out)"),
        *_open_rows(answer, made_up, new, per_family, seed, OPEN, " (made-up names)"),
        *_open_rows(answer, made_up, lacking, per_family, seed, ALL_LACKING, " (made-up names, answer lacking)"),
    ]


def _rows(answer: Answer, knowledge: Knowledge, cases: Mapping[str, Sequence[Case]], per_family: int, seed: int, samples: int, suffix: str = "") -> list[Row]:
    seen, unseen = (questions(knowledge, cases, per_family, seed, held_out=held_out) for held_out in (False, True))
    greedy, closed = by_family(seen, answer(seen, 0.0), knowledge), by_family(unseen, answer(unseen, 0.0), knowledge)
    sampled = by_family(unseen * samples, answer(unseen * samples, 1.0), knowledge)
    with_book = {r.family: r.open_book for r in _open_rows(answer, knowledge, cases, per_family, seed, OPEN)}
    return [
        Row(f + suffix, capability, sum(i.family == f for i in unseen), greedy.get(f), closed[f], sampled[f], with_book.get(f))
        for capability, families in FAMILIES.items()
        for f in families
        if f in closed
    ]


def _open_rows(
    answer: Answer, knowledge: Knowledge, cases: Mapping[str, Sequence[Case]], per_family: int, seed: int, books: Books, suffix: str = ""
) -> list[Row]:
    items = questions(knowledge, cases, per_family, seed, held_out=True, books=books)
    scores = by_family(items, answer(items, 0.0), knowledge)
    return [
        Row(f + suffix, capability, sum(i.family == f for i in items), None, None, None, scores[f])
        for capability, families in FAMILIES.items()
        for f in families
        if f in scores
    ]


def by_family(items: Sequence[TrainingSample], said: Sequence[str], knowledge: Knowledge) -> dict[str, float]:
    """Mean score of each family; what could not be scored counts as wrong."""
    scores: dict[str, list[float]] = {}
    for item, reply in zip(items, said, strict=True):
        scores.setdefault(item.family, []).append(score_reply(item, reply, knowledge).correct or 0.0)
    return {family: sum(values) / len(values) for family, values in scores.items()}


def questions(
    knowledge: Knowledge, cases: Mapping[str, Sequence[Case]], per_family: int, seed: int, *, held_out: bool, books: Books = CLOSED
) -> list[TrainingSample]:
    counts = {c: per_family * sum(bool(cases.get(f)) for f in families) for c, families in FAMILIES.items()}
    return [w.sample for w in generate(knowledge, counts, seed=seed, cases=cases, held_out=held_out, books=books)]


@torch.no_grad()
def replies(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, items: Sequence[TrainingSample], *, temperature: float, seed: int = 0) -> list[str]:
    """One reply for each item; temperature 0 is greedy."""
    torch.manual_seed(seed)
    model.eval()
    prompts = [
        tokenizer.apply_chat_template([m.model_dump() for m in with_evidence(i.messages, i.evidence)], tokenize=False, add_generation_prompt=True)
        for i in items
    ]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found = [""] * len(prompts)
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {"do_sample": False}
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        inputs = tokenizer([prompts[i] for i in chosen], return_tensors="pt", padding=True, add_special_tokens=False, return_token_type_ids=False)
        output = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, **sampling)
        texts = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(chosen, texts, strict=True):
            found[i] = text
    return found
