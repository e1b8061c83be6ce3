"""Replies of a Qwen2 model to many prompts on one core, in samples of training and in exams: with transformers' `generate` they were most of a run.

`generate` copies the whole cache, repeated for every head, at each token, and a batch lasts as long as its longest reply. Here the cache is
written in place, heads that share keys read them once, rows that are finished leave, a LoRA is merged first, and what reads the same hidden
states is one product. The tokens are the same (see the test).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft.tuners.lora import LoraLayer
from torch.nn import functional as F  # as everybody calls it

_BATCH = 128
_LEAVE = 1 / 8
"""Share of finished rows from which they are taken out of the cache: each time it is copied."""


@torch.no_grad()
def decode(model: Any, prompts: Sequence[Sequence[int]], *, max_new_tokens: int, temperature: float, seed: int) -> list[list[int]]:
    """New tokens of each prompt, the end token among them where one came. Temperature 0 is greedy.

    `model` is a Qwen2ForCausalLM in float32; its linear layers may carry a LoRA.
    """
    generator = torch.Generator().manual_seed(seed)
    blocks = [_block(layer) for layer in model.model.layers]
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    replies: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        for i, reply in zip(chosen, _decode_batch(model, blocks, [prompts[i] for i in chosen], max_new_tokens, temperature, generator), strict=True):
            replies[i] = reply
    return replies


class _Block(NamedTuple):
    """The merged weights of a layer: (out, in)."""

    qkv: torch.Tensor
    qkv_bias: torch.Tensor
    o: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor


def _block(layer: Any) -> _Block:
    attention, mlp = layer.self_attn, layer.mlp
    read = (attention.q_proj, attention.k_proj, attention.v_proj)
    return _Block(
        torch.cat([_merged(p) for p in read]),
        torch.cat([p.bias for p in read]),
        _merged(attention.o_proj),
        torch.cat([_merged(mlp.gate_proj), _merged(mlp.up_proj)]),
        _merged(mlp.down_proj),
    )


def _merged(linear: Any) -> torch.Tensor:
    if not isinstance(linear, LoraLayer):
        return linear.weight  # type: ignore[no-any-return]  # a linear layer's is a tensor
    return linear.get_base_layer().weight + sum(linear.get_delta_weight(name) for name in linear.active_adapters)  # type: ignore[no-any-return]  # as above


def _decode_batch(
    model: Any, blocks: Sequence[_Block], prompts: Sequence[Sequence[int]], new: int, temperature: float, generator: torch.Generator
) -> list[list[int]]:
    lengths_B = torch.tensor([len(p) for p in prompts])
    width = int(lengths_B.max())
    tokens_BS = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens_BS[row, : len(prompt)] = torch.tensor(prompt)  # on the left: a row's position is its place in the cache
    cache = _Cache(model.config, len(prompts), width + new)
    hidden_BSH = _forward(model, blocks, tokens_BS, torch.arange(width).expand(len(prompts), -1), cache)
    last_BH = hidden_BSH[torch.arange(len(prompts)), lengths_B - 1]
    replies: list[list[int]] = [[] for _ in prompts]
    rows, places_B, is_done_B = list(range(len(prompts))), lengths_B, torch.zeros(len(prompts), dtype=torch.bool)
    for _ in range(new):
        next_B = _chosen(model.lm_head(last_BH), temperature, generator)
        for row, token, is_done in zip(rows, next_B.tolist(), is_done_B.tolist(), strict=True):
            if not is_done:
                replies[row].append(token)
        is_done_B = is_done_B | (next_B == model.config.eos_token_id)
        if is_done_B.all():
            break
        if int(is_done_B.sum()) > _LEAVE * len(rows):
            kept = (~is_done_B).nonzero().flatten()
            rows, next_B, places_B, is_done_B = [rows[i] for i in kept.tolist()], next_B[kept], places_B[kept], is_done_B[kept]
            cache.keep(kept)
        last_BH = _forward(model, blocks, next_B[:, None], places_B[:, None], cache)[:, 0]
        places_B = places_B + 1
    return replies


def _chosen(logits_BV: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    if not temperature:
        return logits_BV.argmax(dim=-1)
    cumulative_BV = torch.softmax(logits_BV / temperature, dim=-1).cumsum(dim=-1)  # `multinomial` draws a number for every token of the vocabulary
    drawn_B1 = torch.rand(len(logits_BV), 1, generator=generator) * cumulative_BV[:, -1:]
    return torch.searchsorted(cumulative_BV, drawn_B1, right=True)[:, 0].clamp_(max=logits_BV.shape[1] - 1)


class _Cache:
    def __init__(self, config: Any, rows: int, length: int) -> None:
        head = config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, rows, config.num_key_value_heads, length, head)
        self.keys_LBKTD, self.values_LBKTD = torch.zeros(shape), torch.zeros(shape)

    def keep(self, rows: torch.Tensor) -> None:
        self.keys_LBKTD, self.values_LBKTD = self.keys_LBKTD[:, rows], self.values_LBKTD[:, rows]


def _forward(model: Any, blocks: Sequence[_Block], tokens_BS: torch.Tensor, places_BS: torch.Tensor, cache: _Cache) -> torch.Tensor:
    """Hidden states (B, S, H) after the last norm. Tokens go to their places in the cache and see what is at or before them."""
    inner, config = model.model, model.config
    rows, steps = tokens_BS.shape
    length = int(places_BS.max()) + 1
    head = config.hidden_size // config.num_attention_heads
    shared = config.num_attention_heads // config.num_key_value_heads
    hidden_BSH = inner.embed_tokens(tokens_BS)
    cos_BSD, sin_BSD = inner.rotary_emb(hidden_BSH, places_BS)
    cos, sin = cos_BSD[:, None], sin_BSD[:, None]
    # Queries of the heads that share keys stand beside each other: (B, key heads, shared x steps, head).
    later = (torch.arange(length) > places_BS[:, :, None]).repeat(1, shared, 1)
    hidden_from_X = torch.zeros(later.shape).masked_fill_(later, -torch.inf).repeat_interleave(config.num_key_value_heads, dim=0)
    where = (torch.arange(rows)[:, None], places_BS)
    heads = [config.num_attention_heads, config.num_key_value_heads, config.num_key_value_heads]
    for index, (layer, block) in enumerate(zip(inner.layers, blocks, strict=True)):
        read = F.linear(_norm(hidden_BSH, layer.input_layernorm), block.qkv, block.qkv_bias)
        queries, keys, values = read.view(rows, steps, -1, head).transpose(1, 2).split(heads, dim=1)
        queries, keys = queries * cos + _turned(queries) * sin, keys * cos + _turned(keys) * sin
        cache.keys_LBKTD[index].transpose(1, 2)[where] = keys.transpose(1, 2)
        cache.values_LBKTD[index].transpose(1, 2)[where] = values.transpose(1, 2)
        # Two products of batches: for one query the fused attention of torch's CPU build is 58 % of all, several times these.
        keys_XTD, values_XTD = (c[index, :, :, :length].flatten(0, 1) for c in (cache.keys_LBKTD, cache.values_LBKTD))
        scores_XQT = torch.baddbmm(hidden_from_X, queries.reshape(-1, shared * steps, head), keys_XTD.transpose(1, 2), alpha=head**-0.5)
        seen = torch.bmm(scores_XQT.softmax(dim=-1), values_XTD)
        hidden_BSH = hidden_BSH + F.linear(seen.reshape(rows, -1, steps, head).transpose(1, 2).reshape(rows, steps, -1), block.o)
        gate, up = F.linear(_norm(hidden_BSH, layer.post_attention_layernorm), block.gate_up).chunk(2, dim=-1)
        hidden_BSH = hidden_BSH + F.linear(F.silu(gate) * up, block.down)
    return _norm(hidden_BSH, inner.norm)


def _norm(hidden: torch.Tensor, norm: Any) -> torch.Tensor:
    return F.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _turned(heads: torch.Tensor) -> torch.Tensor:
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)
