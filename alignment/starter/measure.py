"""How good is a model at each family of items? Scored by the same scorers as exams and rewards.

The questions are drawn from the graph like the training texts; `unseen` uses only phrasings that no training text has.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from alignment.mkgsg.pipeline import generate
from alignment.mkgsg.source import FAMILIES, Case, enumerate_cases
from alignment.starter.corpus import Mix, is_held_out
from core.knowledge import Knowledge
from core.types import Capability, TrainingSample
from evals.scorers import score_reply

MAX_NEW_TOKENS = 144
BATCH = 96


class Row(NamedTuple):
    family: str
    capability: Capability
    items: int
    greedy: float
    """Greedy decoding, trained phrasings."""
    unseen: float
    """Greedy decoding, phrasings that were never trained."""
    sampled: float
    """Mean over samples at temperature 1, unseen phrasings: what GRPO starts from."""


def measure(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, knowledge: Knowledge, *, per_family: int = 60, seed: int = 1, samples: int = 2
) -> list[Row]:
    """One row for each family, then rows for the combinations held out of training (named `... (held out)`)."""
    mix, everything = Mix(), enumerate_cases(knowledge.graph)
    shown = {f: tuple(c for c in cases if not is_held_out(c, mix)) for f, cases in everything.items()}
    hidden = {f"{f}": tuple(c for c in cases if is_held_out(c, mix)) for f, cases in everything.items()}
    rows = _rows(model, tokenizer, knowledge, shown, per_family, seed, samples, "")
    return rows + _rows(model, tokenizer, knowledge, {f: c for f, c in hidden.items() if c}, per_family, seed, samples, " (held out)")


def _rows(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    knowledge: Knowledge,
    cases: dict[str, tuple[Case, ...]],
    per_family: int,
    seed: int,
    samples: int,
    suffix: str,
) -> list[Row]:
    scores: dict[str, list[float]] = {}
    counted: dict[str, int] = {}
    for name, held_out, repeats, temperature in (("greedy", False, 1, 0.0), ("unseen", True, 1, 0.0), ("sampled", True, samples, 1.0)):
        items = questions(knowledge, cases, per_family, seed, held_out=held_out) * repeats
        by_family = defaultdict(list)
        for item, reply in zip(items, replies(model, tokenizer, items, temperature=temperature, seed=seed), strict=True):
            by_family[item.family].append(score_reply(item, reply, knowledge).correct or 0.0)
        for family, values in by_family.items():
            scores.setdefault(f"{family}:{name}", []).append(sum(values) / len(values))
            counted[family] = len(values) // repeats
    capability = {f: c for c, families in FAMILIES.items() for f in families}
    return [Row(f + suffix, capability[f], n, *(scores.get(f"{f}:{s}", [0.0])[0] for s in ("greedy", "unseen", "sampled"))) for f, n in counted.items()]


def questions(knowledge: Knowledge, cases: dict[str, tuple[Case, ...]], per_family: int, seed: int, *, held_out: bool) -> list[TrainingSample]:
    counts = {c: per_family * sum(bool(cases.get(f)) for f in families) for c, families in FAMILIES.items()}
    return [w.sample for w in generate(knowledge, counts, seed=seed, cases=cases, held_out=held_out)]


@torch.no_grad()
def replies(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, items: Sequence[TrainingSample], *, temperature: float, seed: int = 0) -> list[str]:
    """One reply for each item; temperature 0 is greedy."""
    torch.manual_seed(seed)
    model.eval()
    prompts = [tokenizer.apply_chat_template([m.model_dump() for m in i.messages], tokenize=False, add_generation_prompt=True) for i in items]
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
