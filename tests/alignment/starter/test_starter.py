"""Tokenizer, packing and pretraining, on a model small enough for a test."""

from array import array

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment.starter.build import Plan, build, load
from alignment.starter.corpus import Mix, corpus
from alignment.starter.model import Shape, new_model
from alignment.starter.packing import IGNORED, Encoded, attention_mask, batch, encode, pack
from alignment.starter.pretrain import Schedule, loss_of, pretrain
from alignment.starter.tokenizer import train_tokenizer
from core.artifacts import verify_artifact
from core.knowledge import knowledge
from core.types import Capability

KNOWN = knowledge()
TEXTS = list(corpus(KNOWN, Mix(texts=300)))
TINY = Shape(vocabulary=600, hidden=32, layers=2, heads=2, kv_heads=1, feed_forward=64)
SCHEDULE = Schedule(rows=4, length=192, warmup_steps=2)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer((m.content for text in TEXTS for m in text.messages), TINY.vocabulary)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_any_utf8_text_survives_the_tokenizer(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_thinking_tags_are_single_tokens_that_decoding_keeps(tokenizer):
    ids = tokenizer.encode("<think> a </think> b<|im_end|>", add_special_tokens=False)
    assert tokenizer.convert_tokens_to_ids("<think>") in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think> a </think> b"


def test_training_sees_the_tokens_that_the_chat_template_gives(tokenizer):
    for text, encoded in zip(TEXTS[:50], encode(TEXTS[:50], tokenizer), strict=True):
        rendered = tokenizer.apply_chat_template([m.model_dump() for m in text.messages], tokenize=False)
        assert tokenizer.decode(encoded.tokens, skip_special_tokens=False) == rendered.rstrip("\n")
        assert list(encoded.tokens) == tokenizer.encode(rendered.rstrip("\n"), add_special_tokens=False)
        learnt = tokenizer.decode([label for label in encoded.labels if label != IGNORED], skip_special_tokens=False)
        assert learnt == "".join(f"{m.content}<|im_end|>" for m in text.messages if m.role == "assistant")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 50), max_size=200))
def test_packing_keeps_every_text_that_fits_and_overfills_no_row(sizes):
    texts = [Encoded(array("i", [i] * size), array("i", [i] * size)) for i, size in enumerate(sizes)]
    rows = list(pack(texts, 40))
    assert all(sum(len(t.tokens) for t in row) <= 40 for row in rows)
    assert sorted(t.tokens[0] for row in rows for t in row) == [i for i, size in enumerate(sizes) if size <= 40]


def test_a_text_is_predicted_alike_alone_and_packed(tokenizer):
    model = new_model(TINY, tokenizer, 0).eval()
    first, second = list(encode(TEXTS[:2], tokenizer))
    length = len(first.tokens) + len(second.tokens)
    packed = batch([[first, second]], length, 0)
    alone = model(input_ids=torch.tensor([list(second.tokens)])).logits
    together = model(input_ids=packed.tokens_B_T, attention_mask=attention_mask(packed.texts_B_T), position_ids=packed.positions_B_T).logits
    torch.testing.assert_close(together[:, len(first.tokens) :], alone, atol=1e-4, rtol=1e-4)


def test_training_lowers_the_loss_and_is_the_same_twice(tokenizer):
    encoded = list(encode(TEXTS, tokenizer))
    losses, weights = [], []
    for _ in range(2):
        model = new_model(TINY, tokenizer, 0)
        before = loss_of(model, batch(list(pack(encoded, 192))[:4], 192, 0), bf16=False).item()
        losses.append((before, pretrain(model, encoded, SCHEDULE, 0)))
        weights.append(model.lm_head.weight.detach().clone())
    assert losses[0][1] < losses[0][0] - 0.5
    assert torch.equal(*weights)


def test_a_stopped_build_goes_on_where_it_was(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("alignment.starter.pretrain.SAVE_SECONDS", 0.0)
    encoded = list(encode(TEXTS, tokenizer))
    whole = new_model(TINY, tokenizer, 0)
    pretrain(whole, encoded, SCHEDULE, 0)

    class Stopped(Exception):
        pass

    def stop(done, steps, loss):
        if done == 4:
            raise Stopped

    with pytest.raises(Stopped):
        pretrain(new_model(TINY, tokenizer, 0), encoded, SCHEDULE, 0, tmp_path / "state", stop)
    resumed = new_model(TINY, tokenizer, 1)
    pretrain(resumed, encoded, SCHEDULE, 0, tmp_path / "state")
    assert torch.equal(whole.lm_head.weight, resumed.lm_head.weight)


def test_a_build_leaves_a_loadable_model_with_its_card_and_replaces_the_old_one(tmp_path):
    plan = Plan(mix=Mix(texts=120), shape=TINY, schedule=SCHEDULE)
    for _ in range(2):
        rows = build(tmp_path / "model", plan, threads=1, per_family=1)
    model, tokenizer = load(tmp_path / "model")
    assert model.config.model_type == "qwen2"
    assert tokenizer.chat_template
    assert {r.capability for r in rows} == set(Capability)
    assert "Headroom, on purpose" in (tmp_path / "model" / "README.md").read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    verify_artifact(tmp_path / "model")
