"""Untrained, the wired model already repeats what followed the present token before."""

import pytest
import torch

from alignment.starter.model import Shape, new_model
from alignment.starter.tokenizer import train_tokenizer

SHAPE = Shape(vocabulary=1024)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([f"{a}{b} {c}{d}" for a in "abcdefgh" for b in "ijklmnop" for c in "qrstuvwx" for d in "yzabcdef"], SHAPE.vocabulary)


def _copied(model, period: int) -> float:
    """Share of tokens told rightly in random tokens that repeat after `period`."""
    tokens = torch.randint(3, SHAPE.vocabulary, (8, period), generator=torch.Generator().manual_seed(0)).repeat(1, 4)
    with torch.no_grad():
        told = model(input_ids=tokens).logits.argmax(-1)[:, period:-1]
    return float((told == tokens[:, period + 1 :]).float().mean())


@pytest.mark.parametrize("period", [12, 40, 70])
def test_it_copies_before_any_training(tokenizer, period):
    assert _copied(new_model(SHAPE, tokenizer, seed=0), period) > 0.8


def test_the_seed_decides_the_weights(tokenizer):
    one, same, other = (new_model(SHAPE, tokenizer, seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
