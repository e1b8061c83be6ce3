"""How much memory a training process needs at its peak, from shapes alone: said before a run begins, and in the guide's table.

Counted, not fitted: what is loaded, what autograd keeps for the backward pass (coefficients below), what generation keeps. Left out:
fragmentation, and what the allocator holds back; on a GPU leave a tenth of the memory free for them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch

from alignment.grpo.config import processes
from alignment.recipe import Recipe
from core.errors import RecipeError, TrainingError

GIB = 2**30

# Bytes that autograd keeps for one token in one block of a Qwen2 or Llama model with LoRA on every projection, by the size of a number:
# for each hidden feature (norms keep float32 in either case), feature of the gated layer, feature of keys, rank, head, and besides.
# Counted with `torch.autograd.graph.saved_tensors_hooks` on eight shapes, which these fit exactly. The fused attention, which torch takes
# on CPU and GPU, keeps no matrix of scores.
_KEPT = {4: (24, 16, 8, 28, 4, 8), 2: (24, 8, 4, 14, 4, 8)}
# What a process at work takes besides: torch, transformers, TRL and our knowledge base, measured on a CPU with a model of 2.5 million
# parameters; on a GPU, not measured, the context and workspaces.
_LIBRARIES = {"cpu": int(1.05 * GIB), "gpu": int(0.9 * GIB)}
_SAMPLING_COPIES = 3
"""Logits of one position for every reply: as computed, divided by the temperature, as probabilities; float32."""
_ADAM = 4 + 4 + 8
"""Bytes for each number that learns: itself, its gradient, Adam's two moments; float32."""
_ADVICE = "Lower micro_batch (activations) or completions (replies), set gradient_checkpointing = true, or take a smaller base model"
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_CGROUP_USES = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))


class Shape(NamedTuple):
    """A causal language model of Qwen2's or Llama's kind."""

    layers: int
    hidden: int
    gated: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    """Embeddings serve as head too."""

    @classmethod
    def of(cls, config: Any) -> "Shape":
        """From a transformers configuration."""
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        sizes = (config.num_hidden_layers, config.hidden_size, config.intermediate_size, config.num_attention_heads, config.num_key_value_heads)
        return cls(*sizes, head_size, config.vocab_size, bool(config.tie_word_embeddings))

    @property
    def projections(self) -> tuple[tuple[int, int], ...]:
        """(in, out) of each projection of one block."""
        q, kv = self.heads * self.head_size, self.kv_heads * self.head_size
        return ((self.hidden, q), (self.hidden, kv), (self.hidden, kv), (q, self.hidden), *[(self.hidden, self.gated)] * 2, (self.gated, self.hidden))

    @property
    def parameters(self) -> int:
        return self.layers * sum(i * o for i, o in self.projections) + self.vocabulary * self.hidden * (1 if self.tied else 2)

    def lora_parameters(self, rank: int) -> int:
        return self.layers * rank * sum(i + o for i, o in self.projections)

    def kept_by_block(self, rank: int, number: int) -> int:
        """Bytes for each token; `number` is the size of one in the computation."""
        sizes = (self.hidden, self.gated, self.kv_heads * self.head_size, rank, self.heads, 1)
        return sum(bytes_each * size for bytes_each, size in zip(_KEPT[number], sizes, strict=True))


class Place(NamedTuple):
    """Where a training runs."""

    gpu_bytes: int = 0
    """Memory of each process's GPU; 0 on a CPU."""
    processes: int = 1
    """Each takes its share of a step's replies."""
    shards: int = 1
    """Into which FSDP or ZeRO-3 divides weights and states; 1: every process holds them whole."""

    @classmethod
    def here(cls) -> "Place":
        """As the launcher has told this process."""
        gpu_bytes = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory if torch.cuda.is_available() else 0
        divides = os.environ.get("ACCELERATE_USE_FSDP") == "true" or os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3"
        return cls(int(gpu_bytes), processes(), processes() if divides else 1)


class Memory(NamedTuple):
    """Bytes of one process."""

    libraries: int
    weights: int
    """Of the model, and of the preference model beside it."""
    adapter: int
    """LoRA matrices, their gradient, Adam's moments, and the frozen copy that KL is measured against."""
    objectives: int
    """Gradients of the objectives: this step's, and for `balanced` the average of those before."""
    training: int
    """Activations of one micro-batch."""
    generation: int
    """Keys and values of all replies that this process samples; with a colocated vLLM its whole share of the GPU."""

    @property
    def peak(self) -> int:
        """Replies are generated before anything is trained on; colocated vLLM sleeps meanwhile."""
        return self.libraries + self.weights + self.adapter + max(self.objectives + self.training, self.generation)


def memory_needed(shape: Shape, recipe: Recipe, prompt_tokens: int, replies: int, objectives: int, place: Place) -> Memory:
    """The peak of one process. `prompt_tokens` is the longest prompt, `replies` and `objectives` are those of a step."""
    number = 2 if place.gpu_bytes else 4
    adapter = shape.lora_parameters(recipe.lora_rank)
    mine = replies // place.processes
    # Sharded, a block's weights are gathered while it works, and the next one's beforehand.
    gathered = 2 * number * sum(i * o for i, o in shape.projections) if place.shards > 1 else 0
    return Memory(
        libraries=_LIBRARIES["gpu" if place.gpu_bytes else "cpu"],
        weights=number * shape.parameters // place.shards + gathered + (number * shape.parameters if recipe.preference else 0),
        adapter=adapter * (_ADAM + (4 if recipe.beta > 0 else 0)) // place.shards,
        objectives=4 * adapter * objectives * {"sum": 0, "gdpo": 0, "balanced": 2}.get(recipe.strategy, 1),
        training=min(recipe.micro_batch, mine) * (prompt_tokens + recipe.max_completion_tokens) * _kept_for_each_token(shape, recipe, number),
        generation=_generation(shape, recipe, prompt_tokens, mine, number, place.gpu_bytes),
    )


def _kept_for_each_token(shape: Shape, recipe: Recipe, number: int) -> int:
    kept_by_block = shape.kept_by_block(recipe.lora_rank, number)
    # The probe of `balanced` holds what goes into each LoRA matrix, in the adapter's float32: on a CPU the tensors that autograd holds as well,
    # on a GPU beside its bfloat16 copies.
    held = 4 * sum(i + recipe.lora_rank for i, _ in shape.projections) if recipe.strategy == "balanced" and number == 2 else 0
    if recipe.gradient_checkpointing:
        # The inputs of all blocks, one block that is computed again, and the gradients in it.
        return shape.layers * number * shape.hidden + 2 * (kept_by_block + held)
    return (shape.layers + 1) * kept_by_block + shape.layers * held


def _generation(shape: Shape, recipe: Recipe, prompt_tokens: int, replies: int, number: int, gpu_bytes: int) -> int:
    if recipe.vllm == "server":
        return 0
    if recipe.vllm == "colocate":
        return int(recipe.vllm_memory * gpu_bytes)
    cache = replies * (prompt_tokens + recipe.max_completion_tokens) * 2 * shape.layers * shape.kv_heads * shape.head_size * number
    return cache + replies * shape.vocabulary * 4 * _SAMPLING_COPIES


def check_memory(needed: Memory) -> None:
    """For a process that has loaded libraries and weights to the CPU's memory. Raises RecipeError when what it still needs is not free."""
    on_gpu = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if on_gpu else _free_on_machine() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if needed.peak - needed.libraries - (0 if on_gpu else needed.weights) > free:
        raise RecipeError(f"micro_batch: a step needs about {needed.peak / GIB:.1f} GiB ({_parts(needed)}), and {free / GIB:.1f} GiB are free. {_ADVICE}")


@contextmanager
def shortage_named() -> Iterator[None]:
    """Memory that is not there becomes a TrainingError: what else uses it may end, and the run resumes."""
    try:
        yield
    # On a CPU torch says it in a RuntimeError of no class of its own.
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise TrainingError(f"Out of memory: {str(error).splitlines()[0]}. {_ADVICE}") from error
        raise


def _parts(needed: Memory) -> str:
    parts = {"weights": needed.weights, "adapter": needed.adapter + needed.objectives, "activations": needed.training, "replies": needed.generation}
    return ", ".join(f"{name} {size / GIB:.1f}" for name, size in parts.items())


def _free_on_machine() -> int:
    """What the machine has to give, or the container's limit if that is less."""
    free = int(psutil.virtual_memory().available)
    for limit_file, used_file in zip(_CGROUP_LIMITS, _CGROUP_USES, strict=True):
        if limit_file.exists() and used_file.exists() and (limit := limit_file.read_text().strip()) != "max":
            free = min(free, max(int(limit) - int(used_file.read_text()), 0))
    return free
