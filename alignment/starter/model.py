"""The starter model's shape: Qwen2, so that vLLM, PEFT and every recipe treat it like its big relatives."""

import torch
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from alignment.starter.induction import wire
from alignment.starter.tokenizer import MAX_LENGTH
from core.types import Value


class Shape(Value):
    vocabulary: int = 4096
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    """Heads of 32: vLLM on CPU takes 32, 64, 80 and more, but not 48."""
    kv_heads: int = 2
    feed_forward: int = 576


def new_model(shape: Shape, tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen2ForCausalLM:
    """Random weights, decided by the seed alone."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=MAX_LENGTH,
        rope_theta=1_000_000.0,
        tie_word_embeddings=True,
        initializer_range=0.02,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="sdpa",
    )
    model = Qwen2ForCausalLM(config)
    wire(model, seed)
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id], pad_token_id=tokenizer.pad_token_id, max_new_tokens=192
    )
    return model
