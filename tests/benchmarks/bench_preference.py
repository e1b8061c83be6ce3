"""The preference model on the shipped starter: what it learns of three raters whose taste is known, and what it costs.

The starter's own sampled replies to MKGSG items are rated by scripts, in place of clinicians: one likes what is right and safe, one likes
the shorter of two replies that are both right (an order within a band, which is what models are for), one tosses a coin. Measured as in a
round: half of the questions held out. The scripts stand for clinicians here, so their judgements are not flagged as simulated: those measure nothing.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from alignment.dataset import build_dataset, load_dataset
from alignment.feedback import FeedbackExample
from alignment.grpo.policy import load_policy
from alignment.recipe import Recipe, load_recipe
from alignment.rewards import Band, band_of, reward_components
from alignment.rewards.judgements import judgements_of
from alignment.rewards.preference import load_preference, train_preference
from core.knowledge import builtin
from core.knowledge.evidence import with_evidence
from core.reply import split_reply
from core.settings import STARTER_MODEL_DIR
from core.types import TrainingSample
from tests.benchmarks.rows import Row

ITEMS, REPLIES, TOKENS = 40, 6, 96
"""For each capability; to each item; in each reply."""
KNOWN = builtin()
Rated = tuple[TrainingSample, str, str]
"""An item, the better and the worse reply."""


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    asked = _replies()
    for name, likes in (("right and safe", _right), ("the shorter of two right ones", _shorter), ("a coin", _coin)):
        yield from _measured(name, [pair for item, replies in asked if (pair := likes(item, replies))])


def _measured(name: str, rated: Sequence[Rated]) -> Iterator[Row]:
    judgements, dropped = judgements_of(_feedback(rated), KNOWN)
    with TemporaryDirectory() as folder:
        target, began = Path(folder) / "model", time.process_time()
        recipe = load_recipe("default")
        train_preference(
            target, judgements, base_model=str(STARTER_MODEL_DIR), base_name="starter", recipe=recipe, scratch=Path(folder) / "s", is_stopped=lambda: False
        )
        seconds = time.process_time() - began
        model = load_preference(target, str(STARTER_MODEL_DIR))
    found = model.card.reliability
    questions = sum(r.questions for r in found.values())
    auc = sum(r.auc * r.questions for r in found.values()) / max(questions, 1)
    note = ", ".join(f"{c} {r.auc:.2f} of {r.questions} weighs {r.weight:.2f}" for c, r in found.items())
    yield Row("preference", f"{name}: AUC on held-out questions", auc, "", note=note)
    learnt = sum(model.card.pairs.values())
    yield Row("preference", f"{name}: training", seconds, "s", note=f"{learnt} pairs, processor time; dropped {dict(dropped) or 'none'}")
    began = time.process_time()
    model.scores([(item, reply) for item, *replies in rated for reply in replies])
    yield Row("preference", f"{name}: scoring", 1000 * (time.process_time() - began) / max(2 * len(rated), 1), "ms/reply", note="32 at once")


def _replies() -> list[tuple[TrainingSample, list[str]]]:
    """Every item with what the starter says to it, sampled."""
    with TemporaryDirectory() as folder:
        made = Recipe(seed=77, items_per_capability=ITEMS, anchor_per_capability=0)
        build_dataset(Path(folder) / "d", recipe=made, feedback=(), exam_hashes=frozenset(), knowledge=KNOWN, weaknesses={})
        samples = load_dataset(Path(folder) / "d")
    policy = load_policy(str(STARTER_MODEL_DIR), None, load_recipe("default"))
    torch.manual_seed(0)
    asked = []
    for sample in samples:
        messages = [m.model_dump() for m in with_evidence(sample.messages, sample.evidence)]
        ids = policy.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            out = policy.model.generate(**ids, do_sample=True, temperature=1.0, num_return_sequences=REPLIES, max_new_tokens=TOKENS)
        texts = policy.tokenizer.batch_decode(out[:, ids["input_ids"].shape[1] :], skip_special_tokens=True)
        asked.append((sample, sorted({t for t in texts if split_reply(t).answer})))
    return asked


def _band(item: TrainingSample, reply: str) -> Band:
    scores = reward_components(item, reply, KNOWN)
    return band_of(scores["right"].value, scores["safety"].value)


def _pair(item: TrainingSample, replies: Sequence[str], prefers: Callable[[str, str], bool | None]) -> Rated | None:
    for one, other in combinations(replies, 2):
        if (first := prefers(one, other)) is not None:
            return (item, one, other) if first else (item, other, one)
    return None


def _right(item: TrainingSample, replies: Sequence[str]) -> Rated | None:
    bands = {reply: _band(item, reply) for reply in replies}
    return _pair(item, replies, lambda a, b: None if (bands[a] is Band.RIGHT) == (bands[b] is Band.RIGHT) else bands[a] is Band.RIGHT)


def _shorter(item: TrainingSample, replies: Sequence[str]) -> Rated | None:
    right = [reply for reply in replies if _band(item, reply) is Band.RIGHT]
    length = {reply: len(split_reply(reply).answer) for reply in right}
    return _pair(item, right, lambda a, b: None if length[a] == length[b] else length[a] < length[b])


def _coin(item: TrainingSample, replies: Sequence[str]) -> Rated | None:
    return _pair(item, replies, lambda a, b: random.Random(item.id).random() < 0.5)


def _feedback(rated: Sequence[Rated]) -> Iterator[FeedbackExample]:
    for i, (item, better, worse) in enumerate(rated):
        for reply, rating in ((better, 1), (worse, -1)):
            yield FeedbackExample(id=f"{i}-{rating}", messages=item.messages, evidence=item.evidence, reply=reply, rating=rating)
