from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file

from alignment.grpo.config import training_config
from alignment.grpo.schedule import Schedule
from alignment.recipe import Recipe
from core.errors import BadInput, RecipeError
from core.settings import ROOT

PLAN = Schedule(order=(0,) * 12, prompts_per_step=3)
CONFIGURATIONS = sorted((ROOT / "deploy" / "accelerate").glob("*.yaml"))


def config(tmp_path, **changes):
    return training_config(Recipe(steps=4, warmup_steps=0, completions=4, **changes), PLAN, tmp_path)


def test_one_process_takes_every_reply_of_a_step(tmp_path):
    assert config(tmp_path).per_device_train_batch_size == 12
    assert config(tmp_path).gradient_checkpointing is False
    assert config(tmp_path, gradient_checkpointing=True).gradient_checkpointing is True


def test_several_processes_share_the_replies_of_a_step(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "5")
    with pytest.raises(RecipeError, match="prompts_per_step: the 12 replies of a step do not divide among 5 processes"):
        config(tmp_path)


@pytest.mark.parametrize("changes", [{"vllm": "colocate"}, {"vllm": "server", "vllm_server_url": "http://gpu:8000"}])
def test_vllm_is_refused_where_there_is_no_gpu(tmp_path, changes):
    with pytest.raises(RecipeError, match=r'needs a GPU.*set vllm = "off"'):
        config(tmp_path, **changes)


def test_several_gpus_want_a_launcher(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(BadInput, match="ACCELERATE_CONFIG"):
        config(tmp_path)


@pytest.mark.parametrize("fields", [{"vllm": "server"}, {"vllm_server_url": "http://gpu:8000"}])
def test_a_server_and_its_address_go_together(fields):
    with pytest.raises(ValueError, match="go together"):
        Recipe(**fields)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: p.stem)
def test_accelerate_reads_the_shipped_configurations(path: Path):
    known = load_config_from_file(str(path))
    assert known.num_processes >= 1
    assert yaml.safe_load(path.read_text())["mixed_precision"] == "bf16"


def test_there_is_one_for_each_way_to_train():
    assert {p.stem for p in CONFIGURATIONS} == {"fsdp", "one_gpu", "zero3"}
