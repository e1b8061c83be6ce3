"""vLLM's command line and environment. Pure: what is on the machine is decided by the caller.

Always `python -m vllm.entrypoints.openai.api_server`: the `vllm` command of the CPU build does not start, because it looks for a
distribution of another name.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from core.settings import Settings
from core.tables import Checkpoint
from core.tracing import traces_url
from workers.serving.base import is_hub_name

_RANKS = (8, 16, 32, 64, 128, 256)
_ADAPTERS_IN_ONE_BATCH = 2
_ADAPTERS_IN_MEMORY = 8


class Command(NamedTuple):
    argv: list[str]
    env: dict[str, str]


def vllm_command(settings: Settings, base_id: str, adapters: Sequence[Checkpoint], *, has_gpu: bool) -> Command:
    """Serves the base model under `base_id` and each adapter under its own id, from the first request on."""
    address = urlsplit(settings.vllm_url)
    argv = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    argv += ["--model", settings.base_model_path, "--served-model-name", base_id]
    argv += ["--host", address.hostname or "127.0.0.1", "--port", str(address.port or 80)]
    argv += ["--dtype", settings.vllm_dtype, "--max-model-len", str(settings.vllm_max_model_len)]
    argv += ["--enable-lora", "--max-lora-rank", str(_accepted_rank(settings.lora_rank))]
    argv += ["--max-loras", str(_ADAPTERS_IN_ONE_BATCH), "--max-cpu-loras", str(_ADAPTERS_IN_MEMORY)]
    argv += ["--shutdown-timeout", "30", "--disable-uvicorn-access-log"]
    if settings.vllm_tool_parser:
        argv += ["--enable-auto-tool-choice", "--tool-call-parser", settings.vllm_tool_parser]
    env = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if not is_hub_name(settings.base_model_path):
        env["HF_HUB_OFFLINE"] = "1"
    if not has_gpu:
        # One thread: a busy neighbour collapses a wider OpenMP team to a few tokens a second. No compiling: it would call g++ at run time.
        env |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1", "TORCH_COMPILE_DISABLE": "1"}
        argv += ["--enforce-eager", "--kv-cache-memory-bytes", settings.vllm_kv_cache_bytes]
    if settings.otel_exporter_otlp_endpoint:
        # Its spans go on from the gateway's `traceparent`: waiting, prefill, decoding. The exporters are among vLLM's own requirements.
        argv += ["--otlp-traces-endpoint", traces_url(settings.otel_exporter_otlp_endpoint)]
        env |= {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_SERVICE_NAME": "balancedbio-vllm"}
    if adapters:
        argv += ["--lora-modules", *(f"{c.id}={c.uri}" for c in adapters)]
    return Command(argv, env)


def _accepted_rank(rank: int) -> int:
    """vLLM knows a few ranks only; an adapter of a smaller rank fits a larger slot."""
    return next((r for r in _RANKS if r >= rank), _RANKS[-1])
