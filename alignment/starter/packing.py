"""Texts of many lengths in rows of one length, without one text seeing another."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from alignment.starter.corpus import Text
from alignment.starter.tokenizer import END, START

IGNORED = -100
OPEN_ROWS = 64
"""Rows kept open for a text that fits; more of them waste less and mix less."""


class Encoded(NamedTuple):
    tokens: list[int]
    labels: list[int]
    """The token itself where it is to be learnt (assistant messages and their end), else `IGNORED`."""


class Batch(NamedTuple):
    tokens_B_T: torch.Tensor
    labels_B_T: torch.Tensor
    positions_B_T: torch.Tensor
    texts_B_T: torch.Tensor
    """Number of the text within its row, -1 for padding: attention stays within equal numbers."""


def encode(texts: Iterable[Text], tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
    """Tokens exactly as the chat template gives them; only what the assistant says is labelled."""
    pieces: list[str] = []
    learnt: list[list[bool]] = []
    for text in texts:
        flags, prompt = [], ""
        for message in text.messages:
            opening = f"{prompt}{START}{message.role}\n"
            if message.role == "assistant":
                pieces += [opening, f"{message.content}{END}"]
                flags += [False, True]
                prompt = "\n"
            else:
                prompt = f"{opening}{message.content}{END}\n"
        learnt.append(flags)
    encodings = iter(tokenizer.backend_tokenizer.encode_batch_fast(pieces, add_special_tokens=False))
    found = []
    for flags in learnt:
        tokens, labels = list[int](), list[int]()
        for flag in flags:
            ids = next(encodings).ids
            tokens += ids
            labels += ids if flag else [IGNORED] * len(ids)
        found.append(Encoded(tokens, labels))
    return found


def pack(encoded: Iterable[Encoded], length: int) -> Iterator[list[Encoded]]:
    """Rows of texts that together fit `length`; a longer text is left out. First fit over a few open rows, in the given order."""
    rows: list[list[Encoded]] = []
    used: list[int] = []
    for text in encoded:
        size = len(text.tokens)
        if size > length:
            continue
        fit = next((i for i, filled in enumerate(used) if filled + size <= length), None)
        if fit is None:
            if len(rows) == OPEN_ROWS:
                fullest = max(range(len(rows)), key=used.__getitem__)
                yield rows.pop(fullest)
                used.pop(fullest)
            rows.append([text])
            used.append(size)
        else:
            rows[fit].append(text)
            used[fit] += size
    yield from rows


def batch(rows: list[list[Encoded]], length: int, padding: int) -> Batch:
    shape = (len(rows), length)
    tokens, labels = np.full(shape, padding, np.int64), np.full(shape, IGNORED, np.int64)
    positions, texts = np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
    for r, row in enumerate(rows):
        start = 0
        for number, text in enumerate(row):
            end = start + len(text.tokens)
            tokens[r, start:end], labels[r, start:end] = text.tokens, text.labels
            positions[r, start:end], texts[r, start:end] = np.arange(end - start), number
            start = end
    return Batch(*(torch.from_numpy(a) for a in (tokens, labels, positions, texts)))


def attention_mask(texts_B_T: torch.Tensor) -> torch.Tensor:
    """Boolean (B, 1, T, T): causal, and within one text. Padding sees itself, so that no row of the softmax is empty."""
    same = texts_B_T[:, :, None] == texts_B_T[:, None, :]
    return (same & torch.ones(same.shape[1:], dtype=torch.bool).tril())[:, None]
