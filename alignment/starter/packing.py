"""Texts of many lengths in rows of one length, without one text seeing another."""

from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from alignment.starter.corpus import Text
from alignment.starter.tokenizer import END, START

IGNORED = -100
OPEN_ROWS = 64
"""Rows kept open for a text that fits; more of them waste less and mix less."""


CHUNK = 4_000
"""Texts encoded at a time: all at once took 3 GB."""


class Encoded(NamedTuple):
    tokens: "array[int]"
    labels: "array[int]"
    """The token itself where it is to be learnt (assistant messages and their end), else `IGNORED`."""


class Batch(NamedTuple):
    tokens_B_T: torch.Tensor
    labels_B_T: torch.Tensor
    positions_B_T: torch.Tensor
    texts_B_T: torch.Tensor
    """Number of the text within its row, -1 for padding: attention stays within equal numbers."""


def encode(texts: Iterable[Text], tokenizer: PreTrainedTokenizerFast) -> Iterator[Encoded]:
    """Tokens exactly as the chat template gives them; only what the assistant says is labelled."""
    stream = iter(texts)
    while chunk := list(islice(stream, CHUNK)):
        pieces = [_pieces(text) for text in chunk]
        flat = [piece.text for own in pieces for piece in own]
        encodings = iter(tokenizer.backend_tokenizer.encode_batch_fast(flat, add_special_tokens=False))
        for own in pieces:
            tokens, labels = array("i"), array("i")
            for piece in own:
                ids = next(encodings).ids
                tokens.extend(ids)
                labels.extend(ids if piece.is_learnt else [IGNORED] * len(ids))
            yield Encoded(tokens, labels)


class _Piece(NamedTuple):
    text: str
    is_learnt: bool


def _pieces(text: Text) -> list[_Piece]:
    """What is given and what is learnt, in turn."""
    pieces, given = [], ""
    for message in text.messages:
        given += f"{START}{message.role}\n"
        if message.role == "assistant":
            pieces += [_Piece(given, False), _Piece(f"{message.content}{END}", True)]
            given = "\n"
        else:
            given += f"{message.content}{END}\n"
    return pieces


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
