"""The mended kernel of vLLM's CPU build. vLLM is imported in a process of its own."""

import json
import subprocess
import sys

import pytest

from core.settings import ROOT

_TOKENS = """
import json, runpy, sys, torch
from vllm.lora.ops.torch_ops import lora_ops
if sys.argv[1] == "mended":
    runpy.run_path("deploy/vllm_cpu.py")
ones = torch.ones(3, 4)
adapters = torch.stack([torch.full((1, 2, 4), 1.0), torch.full((1, 2, 4), 10.0)])
output = torch.full((3, 2), 7.0)
index = torch.tensor([-1, 0, 1])
lora_ops.sgmv_shrink(ones, adapters, output, torch.arange(3), torch.ones(3, dtype=torch.long), index, 3, 1, 3, 0.5)
print(json.dumps(output.tolist()))
"""


@pytest.mark.parametrize(("version", "base_row"), [("mended", [0.0, 0.0]), ("as it comes", [20.0, 20.0])])
def test_a_token_of_the_base_model_gets_nothing_of_any_adapter(version: str, base_row: list[float]) -> None:
    done = subprocess.run([sys.executable, "-c", _TOKENS, version], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found[1:] == [[2.0, 2.0], [20.0, 20.0]]
    assert found[0] == base_row, "when vLLM as it comes gives zeros too, deploy/vllm_cpu.py can go"
