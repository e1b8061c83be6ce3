"""Random weights with an induction circuit already in place: what stood after this token before is likely to follow it again.

Copying a name from evidence takes two attention heads in a row (Olsson et al. 2022, "In-context Learning and Induction Heads",
arXiv 2209.11895): one that writes into each token which token came before it, and one that looks for the places where the present token
came before, and repeats what stands there. Large models grow them within billions of tokens. Ours reads ten million, and copied no name
that it had not seen; with the circuit in its initial weights it does from the start, and training refines it.
"""

import math

import torch
from transformers import Qwen2ForCausalLM

PREVIOUS, MATCHING = 0, 1
"""Layers of the two heads; in each, query head 0 and the key-value head that it shares."""
_SHARPNESS = 6.0
"""Of the previous-token head: magnitude of its query and key biases."""
_EMBEDDING = 10.0
"""Embeddings ten times as large as usual (0.2): at 0.02 the first ten updates of Adam wrote over them, and over what the heads read."""
_NOTE, _MATCH, _COPY = 0.8, 2.5, 5.0
"""How loudly the first head writes, how sharply the second matches, how loudly it repeats. On random tokens repeated after 12 to 100 others the
next one is right in 94% of cases before any training (a random model: 0%).
"""


@torch.no_grad()
def wire(model: Qwen2ForCausalLM, seed: int) -> None:
    """Sets the weights of the two heads and silences the others. A model too narrow for their three subspaces stays as it is."""
    config = model.config
    size, hidden = config.hidden_size // config.num_attention_heads, config.hidden_size
    if hidden < 3 * size:
        return
    generator = torch.Generator().manual_seed(seed)

    # Three subspaces at right angles, so that the two heads and the embeddings do not talk across.
    token, note, copied = torch.linalg.qr(torch.randn(hidden, 3 * size, generator=generator))[0].T.split(size)
    half = size // 2
    theta = config.rope_parameters["rope_theta"] ** (-torch.arange(half) / half)

    model.get_input_embeddings().weight.mul_(_EMBEDDING)
    for layer in model.model.layers:  # the others begin silent: their random words were louder than the embeddings
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()

    first = model.model.layers[PREVIOUS].self_attn
    # A query and a key that depend on nothing but position: their product is greatest one token back.
    first.k_proj.bias[:size] = _SHARPNESS * torch.cat([torch.ones(half), torch.zeros(half)])
    first.q_proj.bias[:size] = _SHARPNESS * torch.cat([torch.cos(theta), -torch.sin(theta)])
    first.v_proj.weight[:size] = token
    first.o_proj.weight[:, :size] = _NOTE * note.T

    second = model.model.layers[MATCHING].self_attn
    # Only dimensions that turn slowly compare content over a distance: less than a radian in 300 tokens.
    slow = (theta * 300 < 1.0).repeat(2).to(torch.float32)[:, None]
    gain = _MATCH * math.sqrt(size / float(slow.sum()))
    second.q_proj.weight[:size] = gain * slow * token
    second.k_proj.weight[:size] = gain * slow * note
    second.v_proj.weight[:size] = copied
    second.o_proj.weight[:, :size] = _COPY * copied.T
