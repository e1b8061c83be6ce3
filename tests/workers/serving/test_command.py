"""vLLM's command line: what is served, under which name, tuned for the machine."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.settings import Settings
from core.states import CheckpointStatus
from core.tables import Checkpoint
from workers.serving import __main__ as serving
from workers.serving.base import is_hub_name, model_digest
from workers.serving.command import one_gpu_each, vllm_command

URL = "http://127.0.0.1:8200/v1"


def some_settings(**changes: object) -> Settings:
    return Settings(_env_file=None, secret_key="k" * 40, **changes)  # type: ignore[call-arg,arg-type]  # pydantic's settings, by keyword


def adapter(name: str) -> Checkpoint:
    return Checkpoint(id=name, base_model="starter", uri=f"/checkpoints/{name}", sha256="", status=CheckpointStatus.RETIRED)


def value_of(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]


def test_the_base_and_every_adapter_are_served_under_their_immutable_ids() -> None:
    argv, _ = vllm_command(some_settings(), URL, "base-1", [adapter("cp-1"), adapter("cp-2")], has_gpu=False)
    assert value_of(argv, "--served-model-name") == "base-1"
    assert argv[argv.index("--lora-modules") + 1 :] == ["cp-1=/checkpoints/cp-1", "cp-2=/checkpoints/cp-2"]
    assert "--lora-modules" not in vllm_command(some_settings(), URL, "base-1", [], has_gpu=False).argv


def test_tool_calls_are_read_by_the_parser_that_fits_the_model() -> None:
    assert value_of(vllm_command(some_settings(), URL, "base-1", [], has_gpu=False).argv, "--tool-call-parser") == "hermes"
    assert "--enable-auto-tool-choice" not in vllm_command(some_settings(vllm_tool_parser=""), URL, "base-1", [], has_gpu=False).argv


@pytest.mark.parametrize(("url", "port"), [("http://127.0.0.1:8123/v1", "8123"), ("http://127.0.0.1/v1", "80")])
def test_the_address_is_the_one_asked_for(url: str, port: str) -> None:
    argv, _ = vllm_command(some_settings(), url, "base-1", [], has_gpu=False)
    assert (value_of(argv, "--host"), value_of(argv, "--port")) == ("127.0.0.1", port)


def test_a_machine_without_a_gpu_gets_the_cpu_recipe_and_one_with_a_gpu_does_not() -> None:
    on_cpu = vllm_command(some_settings(), URL, "base-1", [], has_gpu=False)
    on_gpu = vllm_command(some_settings(), URL, "base-1", [], has_gpu=True)
    assert on_cpu.argv[1].endswith("deploy/vllm_cpu.py")
    assert on_gpu.argv[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]
    assert "--enforce-eager" in on_cpu.argv
    assert on_cpu.env["OMP_NUM_THREADS"] == "1"
    assert "--enforce-eager" not in on_gpu.argv
    assert "--kv-cache-memory-bytes" not in on_gpu.argv
    assert "OMP_NUM_THREADS" not in on_gpu.env


def test_replicas_share_the_gpus_of_their_machine_and_one_alone_has_them_all() -> None:
    three = ["vllm", "vllm-2", "vllm-3"]
    assert [one_gpu_each(name, three, ["2", "5"]) for name in three] == [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in ("2", "5", "2")]
    assert one_gpu_each("vllm", ["vllm"], ["2", "5"]) == one_gpu_each("vllm", three, []) == {}


@pytest.mark.parametrize(
    ("allowed", "seen"),
    [
        (None, ["0", "1", "2"]), ("2,0", ["2", "0"]), (" 1 , 2 ", ["1", "2"]), ("GPU-8a5d,MIG-1c", ["GPU-8a5d", "MIG-1c"]),
        ("", []), ("-1", []), ("NoDevFiles", []), ("1,-1,2", ["1"]), ("7", []),
    ],
)  # fmt: skip
def test_gpus_are_seen_as_cuda_would_see_them(monkeypatch: pytest.MonkeyPatch, allowed: str | None, seen: list[str]) -> None:
    listed = "GPU 0: H (UUID: GPU-8a5d)\n  MIG 1g: (UUID: MIG-1c)\nGPU 1: H (UUID: GPU-9)\nGPU 2: H (UUID: GPU-b)\n"
    monkeypatch.setattr(serving.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 0, stdout=listed))
    if allowed is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert serving._gpus() == seen


def test_the_hub_is_asked_only_for_a_model_that_is_named_there() -> None:
    assert "HF_HUB_OFFLINE" in vllm_command(some_settings(), URL, "base-1", [], has_gpu=False).env
    assert "HF_HUB_OFFLINE" not in vllm_command(some_settings(base_model="Qwen/Qwen2.5-0.5B-Instruct"), URL, "base-1", [], has_gpu=False).env


def test_vllm_exports_its_spans_only_where_traces_go_somewhere() -> None:
    traced = vllm_command(some_settings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318/"), URL, "base-1", [], has_gpu=False)
    assert value_of(traced.argv, "--otlp-traces-endpoint") == "http://127.0.0.1:4318/v1/traces"
    assert traced.env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"
    assert "--otlp-traces-endpoint" not in vllm_command(some_settings(otel_exporter_otlp_endpoint=""), URL, "base-1", [], has_gpu=False).argv


@given(st.integers(1, 256))
def test_every_rank_fits_the_slot_that_is_asked_for(rank: int) -> None:
    argv, _ = vllm_command(some_settings(lora_rank=rank), URL, "base-1", [], has_gpu=False)
    assert int(value_of(argv, "--max-lora-rank")) >= rank


def test_equal_files_have_one_digest_and_other_weights_another(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_text("weights")
    assert model_digest(str(tmp_path / "a")) == model_digest(str(tmp_path / "b"))
    (tmp_path / "b" / "model.safetensors").write_text("other")
    assert model_digest(str(tmp_path / "a")) != model_digest(str(tmp_path / "b"))


def test_a_missing_model_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no model in .*nowhere: set BASE_MODEL"):
        model_digest(str(tmp_path / "nowhere"))


def test_a_folder_that_looks_like_a_hub_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_name("models/mine")
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert not is_hub_name("models/mine")
