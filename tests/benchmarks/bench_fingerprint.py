"""How far apart a fingerprint and what real vLLM serves are, for the right adapter, a wrong one, and none: what `TOLERANCE` rests on."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from alignment.grpo.fingerprint import fingerprint_of
from alignment.grpo.policy import save_adapter
from core.fingerprint import TOLERANCE, Fingerprint, deviation
from core.settings import STARTER_MODEL_DIR, Settings
from core.states import CheckpointStatus
from core.tables import Checkpoint
from tests.benchmarks.bench_grpo import trainer_for
from tests.benchmarks.rows import Row
from tests.workers.house import free_port, until
from workers.serving.command import vllm_command
from workers.serving.vllm import Vllm

NONE = "no adapter"
READY_SECONDS = 300.0


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        taken = _adapters(Path(folder))
        for dtype in ("bfloat16", "float32"):
            with _serving(Path(folder), list(taken), dtype) as vllm:
                served = {name: vllm.log_probabilities(name, taken[name]) for name in taken}
            right = {name: deviation(taken[name], served[name]) for name in taken}
            wrong = {pair: deviation(taken[pair[0]], served[pair[1]]) for pair in permutations(taken, 2)}
            farthest, nearest = max(right, key=right.__getitem__), min(wrong, key=wrong.__getitem__)
            for measure, pair, found, bar, is_met in (
                ("right adapter, farthest", farthest, right[farthest], f"<= {TOLERANCE}", right[farthest] <= TOLERANCE),
                ("wrong adapter or none, nearest", " for ".join(nearest[::-1]), wrong[nearest], f"> {TOLERANCE}", wrong[nearest] > TOLERANCE),
            ):
                yield Row("fingerprint", f"{dtype}: {measure}", found, "nats", bar, is_met, pair)


def _adapters(folder: Path) -> Mapping[str, Fingerprint]:
    """Saves adapters of the starter by their names: with random weights of three sizes, and after five steps of GRPO at its default rate."""
    tokenizer, taken = AutoTokenizer.from_pretrained(STARTER_MODEL_DIR), {}

    def keep(name: str, model: object) -> None:
        save_adapter(model, folder / name, "starter")
        taken[name] = fingerprint_of(model, tokenizer, torch.device("cpu"))

    taken[NONE] = fingerprint_of(AutoModelForCausalLM.from_pretrained(STARTER_MODEL_DIR, dtype=torch.float32), tokenizer, torch.device("cpu"))
    for seed, alpha in enumerate((32.0, 9.6, 3.2)):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(STARTER_MODEL_DIR, dtype=torch.float32)
        lora = LoraConfig(r=16, lora_alpha=alpha, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
        keep(f"random-{alpha:g}", get_peft_model(base, lora))
    trainer = trainer_for("balanced", folder / "scratch", steps=5, warmup_steps=0, learning_rate=1e-3)
    trainer.train()
    keep("trained", trainer.model)
    return taken


@contextmanager
def _serving(folder: Path, names: list[str], dtype: str) -> Iterator[Vllm]:
    """Real vLLM, which answers to each name; `NONE` is its base model."""
    vllm = Vllm("vllm", f"http://127.0.0.1:{free_port()}")
    adapters = [Checkpoint(id=n, base_model="starter", uri=str(folder / n), sha256="", status=CheckpointStatus.RETIRED) for n in names if n != NONE]
    settings = Settings(_env_file=None, secret_key="k" * 40, vllm_dtype=dtype)  # type: ignore[call-arg,arg-type]  # pydantic-settings' own argument
    command = vllm_command(settings, vllm.root, NONE, adapters, has_gpu=False)
    server = subprocess.Popen(command.argv, env={**os.environ, **command.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(vllm.is_healthy, READY_SECONDS, "vLLM")
        yield vllm
    finally:
        server.terminate()
        server.wait(60)
