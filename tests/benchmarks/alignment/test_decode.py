"""The exam's and the samples' own decoding gives transformers' tokens."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tests.benchmarks.alignment.decode import decode
from tests.models import build_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    base = AutoModelForCausalLM.from_pretrained(build_tiny_model(tmp_path_factory.mktemp("model") / "tiny"), dtype=torch.float32)
    torch.manual_seed(1)
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(base, lora).get_base_model().eval()


PROMPTS = [[5, 9, 200, 31], [7], [300, 12, 44, 18, 90, 2, 61, 77, 14], [33, 33, 8]]


def generated(model, prompt: list[int], end: int) -> list[int]:
    output = model.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=end, pad_token_id=0)
    return output[0, len(prompt) :].tolist()


def test_greedy_tokens_are_those_of_transformers_whatever_shares_the_batch(model):
    expected = [generated(model, p, model.config.eos_token_id) for p in PROMPTS]

    assert decode(model, PROMPTS, max_new_tokens=24, temperature=0.0, seed=0) == expected


def test_a_row_that_came_to_its_end_stops_there_and_the_others_go_on(model, monkeypatch: pytest.MonkeyPatch):
    end = generated(model, PROMPTS[0], -1)[3]  # some rows meet this token early, others late or never
    monkeypatch.setattr(model.config, "eos_token_id", end)
    expected = [generated(model, p, end) for p in PROMPTS]
    assert len({len(e) for e in expected}) > 1

    assert decode(model, PROMPTS, max_new_tokens=24, temperature=0.0, seed=0) == expected


def test_samples_follow_the_model_at_its_temperature(model):
    first = decode(model, [PROMPTS[0]] * 4000, max_new_tokens=1, temperature=0.7, seed=3)
    with torch.no_grad():
        expected = torch.softmax(model(torch.tensor([PROMPTS[0]])).logits[0, -1] / 0.7, dim=-1)
    found = torch.bincount(torch.tensor(first).flatten(), minlength=len(expected)) / 4000

    assert torch.allclose(found, expected, atol=5 * (0.25 / 4000) ** 0.5)
    again = [decode(model, [PROMPTS[1]] * 3, max_new_tokens=8, temperature=1.0, seed=3) for _ in range(2)]
    assert again[0] == again[1]
