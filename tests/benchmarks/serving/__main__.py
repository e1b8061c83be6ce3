"""`make bench-serving`: what the gateway adds to a reply of vLLM, beside LiteLLM's proxy, on this machine in one run.

--streams N ...   replies at once (default 1 16 64)
--replies N       replies of each target at each number of streams, at least (default 300); at one stream a fifth of them
--blocks N        blocks into which they are cut; targets take turns block by block, so that noise hits all alike (default 3)
--results DIR     where report.md goes (default var/bench-serving)

LiteLLM needs an environment of its own: `python3.11 -m venv DIR`, `DIR/bin/pip install "litellm[proxy]==1.108.7"`, and the variable
LITELLM_PYTHON=DIR/bin/python. Without it that column is missing.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from app.stack import first_run
from core import store
from core.artifacts import write_text_atomically
from core.db import reading
from tests.benchmarks.serving import replies
from tests.benchmarks.serving.load import Load, Result
from tests.benchmarks.serving.replies import EXCHANGES, due
from tests.benchmarks.serving.report import DIRECT, LITELLM, OURS, Cell, bars, table, verdicts
from tests.benchmarks.serving.targets import Target, furnish, running
from tests.stack import free_ports

_REPLY_SECONDS = due(max(len(e.tokens) for e in EXCHANGES))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--replies", type=int, default=300)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("var/bench-serving"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _targets(Path(folder)) as targets:
        cells = {}
        for streams in chosen.streams:
            replies = chosen.replies // 5 if streams == 1 else chosen.replies
            cells |= _measured(targets, streams, max(1, -(-replies // (chosen.blocks * streams))), chosen.blocks)
            print(table({key: cell for key, cell in cells.items() if key[1] == streams}), flush=True)
    found = bars(cells)
    text = f"{_title()}\n\n{table(cells)}\n\n{verdicts(found)}\n"
    chosen.results.mkdir(parents=True, exist_ok=True)
    write_text_atomically(chosen.results / "report.md", text)
    print(verdicts(found))
    return 0


@contextmanager
def _targets(folder: Path) -> Iterator[list[Target]]:
    upstream_port, gateway_port, litellm_port = free_ports(3)
    url = f"http://127.0.0.1:{upstream_port}/v1"
    env = furnish(folder, gateway_port, url)
    with reading() as session:
        model = store.production(session).id
    with ExitStack() as stack:
        mock = [sys.executable, "-m", "tests.benchmarks.serving.upstream", str(upstream_port), model]
        process = stack.enter_context(running(mock, env, folder / "mock.txt", f"http://127.0.0.1:{upstream_port}/health"))
        targets = [Target(DIRECT, url, "none", model, process)]
        address = f"http://127.0.0.1:{gateway_port}"
        process = stack.enter_context(running([sys.executable, "-m", "app"], env, folder / "gateway.txt", f"{address}/healthz"))
        targets.append(Target(OURS, f"{address}/v1", first_run.ensure_access().key, "balancedbio", process))
        if python := os.environ.get("LITELLM_PYTHON"):
            targets.append(stack.enter_context(_litellm(python, folder, litellm_port, url, model)))
        else:
            print("LITELLM_PYTHON is not set: LiteLLM is left out (--help says how to have it)", flush=True)
        yield targets


@contextmanager
def _litellm(python: str, folder: Path, port: int, url: str, model: str) -> Iterator[Target]:
    """LiteLLM's proxy with one worker and a master key, as its documentation starts it: no database, no logging of requests."""
    config, key = folder / "litellm.yaml", "sk-of-a-benchmark"
    config.write_text(
        f"model_list:\n  - model_name: balancedbio\n    litellm_params:\n      model: hosted_vllm/{model}\n      api_base: {url}\n      api_key: none\n"
        f"general_settings:\n  master_key: {key}\n",
        encoding="utf-8",
    )
    program = "import sys; from litellm import run_server; sys.exit(run_server())"
    command = [python, "-c", program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PYTHONPATH")}
    env |= {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with running(command, env, folder / "litellm.txt", f"http://127.0.0.1:{port}/health/liveliness") as process:
        yield Target(LITELLM, f"http://127.0.0.1:{port}/v1", key, "balancedbio", process)


def _measured(targets: list[Target], streams: int, replies_per_stream: int, blocks: int) -> Mapping[tuple[str, int], Cell]:
    results: dict[str, list[Result]] = defaultdict(list)
    cpu: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for target in targets:
        _load(target, streams=min(streams, 4), replies_per_stream=1, seed=0)  # connections, caches
    for block in range(blocks):
        for target in targets:
            cpu_before, began = target.cpu_seconds(), time.monotonic()
            results[target.name].append(_load(target, streams, replies_per_stream, seed=block))
            cpu[target.name] += target.cpu_seconds() - cpu_before
            seconds[target.name] += time.monotonic() - began
    return {(t.name, streams): _cell(t.name, streams, results[t.name], cpu[t.name], seconds[t.name]) for t in targets}


def _load(target: Target, streams: int, replies_per_stream: int, seed: int) -> Result:
    load = Load(
        url=target.url, key=target.key, model=target.model, streams=streams, replies_per_stream=replies_per_stream, spread_seconds=_REPLY_SECONDS, seed=seed
    )
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.serving.load"], input=load.model_dump_json(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The load on {target.name} failed:\n{done.stderr[-2000:]}")
    return Result.model_validate_json(done.stdout)


def _cell(name: str, streams: int, results: list[Result], cpu_seconds: float, seconds: float) -> Cell:
    samples = [sample for result in results for sample in result.samples]
    return Cell(
        target=name,
        streams=streams,
        samples=samples,
        cpu_ms_per_reply=cpu_seconds * 1000 / len(samples),
        target_cpu_share=cpu_seconds / seconds,
        load_cpu_share=max(result.cpu_share for result in results),
    )


def _title() -> str:
    busy = psutil.getloadavg()[0]
    return (
        f"## {datetime.now(UTC):%Y-%m-%d %H:%M}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load average {busy:.1f}\n\n"
        f"Mock of vLLM: first token after {replies.FIRST_TOKEN_SECONDS * 1000:.0f} ms, then one every {replies.TOKEN_SECONDS * 1000:.0f} ms; "
        f"replies of {min(len(e.tokens) for e in EXCHANGES)} to {max(len(e.tokens) for e in EXCHANGES)} tokens. "
        "The row `direct`: milliseconds behind that pace; the others: what they add to it."
    )


if __name__ == "__main__":
    sys.exit(main())
