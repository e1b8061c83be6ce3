import pytest
import torch

from alignment.grpo import memory
from alignment.grpo.memory import GIB, Memory, Place, Shape, check_memory, memory_needed, shortage_named
from alignment.grpo.policy import load_policy
from alignment.recipe import Recipe
from core.errors import RecipeError, TrainingError
from core.settings import ROOT, STARTER_MODEL_DIR

QWEN_HALF_B = Shape(layers=24, hidden=896, gated=4864, heads=14, kv_heads=2, head_size=64, vocabulary=151_936, tied=True)
QWEN_7B = Shape(layers=28, hidden=3584, gated=18_944, heads=28, kv_heads=4, head_size=128, vocabulary=152_064, tied=False)


@pytest.fixture(scope="module")
def starter():
    return load_policy(str(STARTER_MODEL_DIR), None, Recipe(lora_rank=16)).model


def kept_bytes(model, tokens):
    """What autograd really keeps for the backward pass of one row, without the weights."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = tensor  # held, so that no other tensor gets its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.get_base_model().model(input_ids=torch.zeros(1, tokens, dtype=torch.long), use_cache=False)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def needed(recipe=None, shape=QWEN_7B, **changes):
    return memory_needed(shape, recipe or Recipe(**changes), prompt_tokens=512, replies=96, objectives=7, place=Place(80 * GIB))


def test_parameters_are_counted_as_they_are(starter):
    shape = Shape.of(starter.config)
    learning = sum(p.numel() for p in starter.parameters() if p.requires_grad)
    assert shape.lora_parameters(16) == learning
    assert shape.parameters == pytest.approx(sum(p.numel() for p in starter.parameters()) - learning, rel=0.01)  # norms and biases are left out


def test_activations_are_what_autograd_keeps(starter):
    recipe = Recipe(micro_batch=1, max_completion_tokens=64, completions=2)
    said = memory_needed(Shape.of(starter.config), recipe, prompt_tokens=64, replies=80, objectives=5, place=Place()).training
    blocks = starter.config.num_hidden_layers
    assert said * blocks / (blocks + 1) == pytest.approx(kept_bytes(starter, 128), rel=0.01)  # the rest is outside of the blocks


def test_checkpointing_and_smaller_batches_take_less():
    assert needed(strategy="sum", gradient_checkpointing=True).training < needed(strategy="sum").training / 5
    assert needed(micro_batch=8).training == pytest.approx(needed(micro_batch=64).training / 8)
    assert needed(vllm="server", vllm_server_url="http://gpu:8000").generation == 0
    assert needed(vllm="colocate", vllm_memory=0.25).generation == 20 * GIB


def test_sharding_divides_weights_and_states():
    recipe = Recipe()
    whole, quarter = (memory_needed(QWEN_7B, recipe, 512, 96, 7, Place(80 * GIB, n, n)) for n in (1, 4))
    assert quarter.adapter == pytest.approx(whole.adapter / 4, rel=0.01)
    assert whole.weights / 4 < quarter.weights < whole.weights / 3


def test_what_a_recipe_asks_for_besides_is_counted():
    assert needed(preference=True).weights == 2 * needed().weights
    assert needed(strategy="balanced", gradient_checkpointing=True).training > needed(strategy="sum", gradient_checkpointing=True).training
    assert needed(strategy="balanced").objectives == 2 * needed(strategy="exact").objectives > needed(strategy="sum").objectives == 0


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({}, Place()),
        ({"WORLD_SIZE": "4"}, Place(processes=4)),
        ({"WORLD_SIZE": "4", "ACCELERATE_USE_FSDP": "true"}, Place(processes=4, shards=4)),
        ({"WORLD_SIZE": "4", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, Place(processes=4, shards=4)),
    ],
    ids=["alone", "whole copies", "fsdp", "zero-3"],
)
def test_a_process_knows_its_share(monkeypatch, told, place):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert Place.here() == place


def test_a_step_that_does_not_fit_is_refused_with_what_to_change(monkeypatch):
    monkeypatch.setattr(memory, "_free_on_machine", lambda: 2 * GIB)
    small = Memory(libraries=GIB, weights=8 * GIB, adapter=0, objectives=0, training=GIB, generation=0)
    check_memory(small)  # libraries and weights are loaded by then
    with pytest.raises(RecipeError, match=r"needs about 12\.0 GiB \(.*activations 3\.0.*\), and 2\.0 GiB are free\. Lower micro_batch"):
        check_memory(small._replace(training=3 * GIB))


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 3 GiB"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_a_shortage_in_the_middle_of_a_run_has_a_name(error):
    with pytest.raises(TrainingError, match=r"Out of memory: .*Lower micro_batch"), shortage_named():
        raise error


def test_other_errors_keep_theirs():
    with pytest.raises(RuntimeError, match="shape"), shortage_named():
        raise RuntimeError("wrong shape")


def row_of_the_guide(name, shape, gpus, micro_batch, checkpointing, vllm):
    recipe = Recipe(max_completion_tokens=512, micro_batch=micro_batch, gradient_checkpointing=checkpointing, vllm=vllm)
    m = memory_needed(shape, recipe, prompt_tokens=512, replies=144, objectives=7, place=Place(80 * GIB, gpus, gpus))
    sizes = " | ".join(f"{size / GIB:.1f}" for size in (m.libraries, m.weights, m.adapter, m.objectives, m.training, m.generation, m.peak))
    return f"| {name} | {gpus} | {micro_batch} | {'yes' if checkpointing else 'no'} | {vllm} | {sizes} |"


ROWS_OF_THE_GUIDE = [
    row_of_the_guide(*fields)
    for fields in (
        ("0.5B", QWEN_HALF_B, 1, 8, False, "off"),
        ("0.5B", QWEN_HALF_B, 1, 8, True, "off"),
        ("7B", QWEN_7B, 1, 2, False, "off"),
        ("7B", QWEN_7B, 1, 8, True, "off"),
        ("7B", QWEN_7B, 1, 8, True, "colocate"),
        ("7B", QWEN_7B, 4, 8, True, "off"),
    )
]


@pytest.mark.parametrize("row", ROWS_OF_THE_GUIDE)
def test_the_guide_shows_what_is_counted(row):
    assert row in (ROOT / "docs" / "guides" / "training.md").read_text(encoding="utf-8").splitlines()


def test_the_machine_has_some_memory():
    assert 0 < memory._free_on_machine() < 2**50
