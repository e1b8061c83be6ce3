"""`python -m tests.benchmarks.serving.throughput`: tokens a second of real vLLM, asked directly and through the gateway.

Both are asked the same: the direct requests carry the evidence that the gateway would have added. Blocks of the two take turns. Started by
`balancedbio up`, with everything that runs beside them in production; on few cores the gateway and this client take CPU time from vLLM itself.

The model is the starter, or with --half-billion one of the shape of Qwen2.5-0.5B with random weights and the starter's words, 358 million
parameters: what it says means nothing, and a token costs what it costs.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import torch
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from core import store
from core.db import reading
from core.knowledge import builtin
from core.knowledge.evidence import retrieve, with_evidence
from core.settings import STARTER_MODEL_DIR, settings
from core.types import Message
from tests.benchmarks.serving.replies import EXCHANGES
from tests.stack import Stack, started

_TOKENS = 128
_LEAST_RATIO = 0.97


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.throughput", description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--replies", type=int, default=4, help="of each stream in each block")
    parser.add_argument("--half-billion", action="store_true", help="a larger model, with random weights")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = {"BASE_MODEL": str(_half_billion(Path(folder) / "model"))} if chosen.half_billion else {}
        with started(Path(folder) / "var", **model) as stack:
            _compare(stack, chosen)
    return 0


def _half_billion(folder: Path) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(STARTER_MODEL_DIR)
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _compare(stack: Stack, chosen: argparse.Namespace) -> None:
    os.environ.update(stack.env)
    settings.cache_clear()
    with reading() as session:
        model = store.production(session).id
    gateway = (f"{stack.address}/v1", stack.key, [_body("balancedbio", [Message(role="user", content=e.question)]) for e in EXCHANGES])
    direct = (settings().vllm_url, "none", [_body(model, _as_the_gateway_asks(e.question)) for e in EXCHANGES])
    print("| streams | direct, tokens/s | gateway, tokens/s | ratio | bar |\n|---|---|---|---|---|")
    for streams in chosen.streams:
        rates: dict[str, list[float]] = {"direct": [], "gateway": []}
        for block in range(chosen.blocks + 1):
            for name, (url, key, bodies) in (("direct", direct), ("gateway", gateway)):
                rate = asyncio.run(_tokens_per_second(url, key, bodies, streams, chosen.replies))
                if block:  # the first warms up
                    rates[name].append(rate)
        ours, theirs = sorted(rates["gateway"])[chosen.blocks // 2], sorted(rates["direct"])[chosen.blocks // 2]
        met = "met" if ours >= _LEAST_RATIO * theirs else "missed"
        print(f"| {streams} | {theirs:.0f} | {ours:.0f} | {ours / theirs:.3f} | >= {_LEAST_RATIO}: {met} |", flush=True)


def _as_the_gateway_asks(question: str) -> list[Message]:
    asked, known = [Message(role="user", content=question)], builtin()
    return list(with_evidence(asked, [known.graph.evidence(f).statement for f in retrieve(asked, known, settings().evidence_tokens)]))


def _body(model: str, messages: list[Message]) -> dict[str, Any]:
    fixed = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0.0, "min_tokens": _TOKENS, "max_tokens": _TOKENS}
    return {"model": model, "messages": [m.model_dump() for m in messages], **fixed}


async def _tokens_per_second(url: str, key: str, bodies: list[dict[str, Any]], streams: int, replies: int) -> float:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        began = time.monotonic()
        tokens = await asyncio.gather(*(_stream(session, url, [bodies[(s + r) % len(bodies)] for r in range(replies)]) for s in range(streams)))
        return sum(tokens) / (time.monotonic() - began)


async def _stream(session: aiohttp.ClientSession, url: str, bodies: list[dict[str, Any]]) -> int:
    tokens = 0
    for body in bodies:
        async with session.post(f"{url}/chat/completions", json=body) as response:
            lines = [line async for line in response.content if line.startswith(b"data: {")]
        tokens += sum((json.loads(line[6:]).get("usage") or {}).get("completion_tokens", 0) for line in lines[-1:])
    return tokens


if __name__ == "__main__":
    sys.exit(main())
