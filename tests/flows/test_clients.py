"""Programs that others made, unmodified, against our API: each asks once and gets an answer.

Those that our environment does not hold are installed beside it from the package registries, in the versions named in `clients/`; where that
cannot be done, the test is skipped and says why.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.flow

HERE = Path(__file__).parent / "clients"
QUESTION = "What is the first-line treatment of gout?"
ANSWER = "naproxen"
_INSTALL_SECONDS = 240


def run(*command: str | Path, env: Mapping[str, str], cwd: Path, timeout: float = 240) -> str:
    done = subprocess.run([str(part) for part in command], env={**os.environ, **env}, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    return done.stdout


def installed(*command: str | Path, cwd: Path) -> None:
    """Skips, with the reason, where a registry cannot be reached."""
    try:
        subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        pytest.skip(f"not installed within {_INSTALL_SECONDS} s: {command[0]}")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"cannot be installed here: {error.stderr.strip().splitlines()[-1] if error.stderr.strip() else command[0]}")


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The programs of an environment that has what ours has, and the other clients."""
    folder = tmp_path_factory.mktemp("clients")
    installed(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    own = next((folder / "venv" / "lib").iterdir()) / "site-packages"
    (own / "ours.pth").write_text(sysconfig.get_path("purelib"))
    pip = (folder / "venv" / "bin" / "python", "-m", "pip", "install", "--no-deps", "--disable-pip-version-check", "--no-input", "-q")
    installed(*pip, "-r", HERE / "requirements.txt", cwd=folder)
    yield folder / "venv" / "bin"
    shutil.rmtree(folder, ignore_errors=True)


def key_of(stack: Stack) -> dict[str, str]:
    return {"OPENAI_API_KEY": stack.key, "OPENAI_BASE_URL": f"{stack.address}/v1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def test_openai_for_node(stack: Stack, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name in ("package.json", "ask.mjs"):
        shutil.copy(HERE / name, tmp_path)
    installed("npm", "install", "--silent", "--no-audit", "--no-fund", cwd=tmp_path)
    said = json.loads(run("node", "ask.mjs", stack.address, env=key_of(stack), cwd=tmp_path))
    assert said["streamed"] == said["whole"]
    assert ANSWER in said["whole"]
    assert said["turn"].startswith("turn-")
    assert "balancedbio" in said["models"]


def test_langchain(stack: Stack, clients: Path, tmp_path: Path) -> None:
    said = json.loads(run(clients / "python", HERE / "chain.py", stack.address, env=key_of(stack), cwd=tmp_path))
    assert said["streamed"] == said["whole"]
    assert ANSWER in said["whole"]
    assert said["tokens"] > 0


def test_llm(stack: Stack, clients: Path, tmp_path: Path) -> None:
    model = {"model_id": "ward", "model_name": "balancedbio", "api_base": f"{stack.address}/v1", "api_key_name": "ward"}
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([model]))  # YAML reads JSON
    said = run(
        clients / "llm",
        "-m",
        "ward",
        "--key",
        stack.key,
        "-o",
        "temperature",
        "0",
        "-o",
        "max_tokens",
        "60",
        QUESTION,
        env=key_of(stack) | {"LLM_USER_PATH": str(tmp_path)},
        cwd=tmp_path,
    )
    assert ANSWER in said


def test_lm_evaluation_harness(stack: Stack, clients: Path, tmp_path: Path) -> None:
    rows = [{"question": QUESTION, "answer": "The first-line treatment of gout is naproxen."}, {"question": "What treats asthma?", "answer": "?"}]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "flow.yaml").write_text((HERE / "harness.yaml").read_text().replace("QUESTIONS", str(tmp_path / "questions.jsonl")))
    where = f"model=balancedbio,base_url={stack.address}/v1/chat/completions,num_concurrent=2,max_retries=1,tokenized_requests=False"
    task = ("--tasks", "balancedbio_flow", "--include_path", tmp_path, "--apply_chat_template", "--output_path", tmp_path / "out", "--log_samples")
    run(clients / "python", "-m", "lm_eval", "--model", "local-chat-completions", "--model_args", where, *task, env=key_of(stack), cwd=tmp_path)
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    replies = [json.loads(line)["filtered_resps"][0] for line in samples.read_text().splitlines()]
    assert len(replies) == 2
    assert all(reply.strip() for reply in replies)


def test_inspect(stack: Stack, tmp_path: Path) -> None:
    env = {"BALANCEDBIO_BASE_URL": f"{stack.address}/v1", "BALANCEDBIO_API_KEY": stack.key, "INSPECT_DISPLAY": "none", "PYTHONPATH": str(ROOT)}
    inspect = Path(sys.executable).with_name("inspect")
    run(
        inspect,
        "eval",
        "evals/tasks.py",
        "-T",
        "suite=smoke",
        "--model",
        "openai-api/balancedbio/balancedbio",
        "--limit",
        "3",
        "--log-dir",
        tmp_path,
        env=env,
        cwd=ROOT,
    )
    from inspect_ai.log import list_eval_logs, read_eval_log

    log = read_eval_log(list_eval_logs(str(tmp_path))[0])
    assert log.status == "success"
    assert len(log.samples or []) == 3
    assert all(sample.output.completion for sample in log.samples or [])
