"""What a round trains on and how: one frozen value, read from a TOML file, hashed into everything made from it.

Kept free of torch so that the app can check a recipe before a round is queued.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from alignment.mkgsg.source import families_of
from core.errors import BadInput, RecipeError
from core.types import Value, content_hash

RECIPES_DIR = Path(__file__).resolve().parent / "recipes"


class Recipe(Value):
    seed: int = Field(default=0, ge=0, lt=2**31)

    # --- data
    items_per_capability: int = Field(default=160, ge=0, le=100_000)
    """MKGSG items made for each capability, before curation; weak capabilities may get more (`weakness_tilt`)."""
    weakness_tilt: float = Field(default=0.5, ge=0.0, le=4.0)
    """How much more a weak capability gets: its share is multiplied by 1 + tilt x weakness, weakness in [0, 1]."""
    anchor_per_capability: int = Field(default=8, ge=0, le=10_000)
    """Anchor items for each capability; their gradients are constraints only, so that what a round is not about is not paid for."""

    families: tuple[str, ...] = ()
    """Kinds of items (`alignment.mkgsg.source`); empty: those that the starter model is trained on."""
    max_depth: int = Field(default=4, ge=1, le=4)
    """Most edges of the graph that an answer may need."""
    open_book: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of the items that come with evidence."""
    lacking_evidence: float = Field(default=0.12, ge=0.0, le=1.0)
    """Share of those whose evidence does not hold the answer: the right reply says so."""
    curation_tries: int = Field(default=0, ge=0, le=64)
    """Replies of the production checkpoint to each item; what it never or always solves is dropped. 0: it is not asked."""
    teacher_url: str = ""
    """OpenAI-compatible address of a model that words the items, with its key in TEACHER_API_KEY; empty: the grammar words them."""
    teacher_model: str = ""

    # --- generation
    prompts_per_step: int = Field(default=8, ge=1, le=4096)
    anchors_per_step: int = Field(default=2, ge=0, le=4096)
    """Anchor prompts in each step, on top of `prompts_per_step`."""
    completions: int = Field(default=8, ge=2, le=256)
    """Size of a group: replies sampled for one prompt."""
    max_completion_tokens: int = Field(default=128, ge=1, le=16_384)
    temperature: float = Field(default=1.0, gt=0.0, le=4.0)

    # --- optimisation
    steps: int = Field(default=60, ge=1, le=1_000_000)
    learning_rate: float = Field(default=1e-3, gt=0.0, le=1.0)
    warmup_steps: int = Field(default=4, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    micro_batch: int = Field(default=64, ge=1)
    """Most replies in one forward and backward pass; bounds memory, changes results only by rounding."""
    lora_rank: int = Field(default=16, ge=1, le=512)
    lora_alpha: int = Field(default=32, ge=1, le=4096)
    beta: float = Field(default=0.02, ge=0.0, le=10.0)
    """Weight of the KL divergence from the checkpoint that the round started from."""
    strategy: Literal["balanced", "sum"] = "balanced"
    """How the gradients of the capabilities become one: nearest direction that opposes none, or their plain weighted sum."""
    start: Literal["production", "base"] = "production"
    """Continue the production adapter, or begin with a fresh one on the base model."""
    save_every: int = Field(default=10, ge=1)
    """Steps between two resumable training checkpoints; the newest two are kept."""

    # --- machine
    gradient_checkpointing: bool = False
    """Activations are computed again in the backward pass: about a third more time, a fraction of their memory, the same results."""
    vllm: Literal["off", "colocate", "server"] = "off"
    """What generates the replies: transformers in the training process, vLLM on the same GPU, or TRL's vLLM server (`trl vllm-serve`)."""
    vllm_server_url: str = ""
    """Where that server answers."""
    vllm_memory: float = Field(default=0.3, gt=0.0, lt=1.0)
    """Share of the GPU's memory that a colocated vLLM takes."""

    @model_validator(mode="after")
    def _warms_up_within_the_run(self) -> "Recipe":
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) may not exceed steps ({self.steps})")
        return self

    @field_validator("families")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            families_of(names)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return names

    @model_validator(mode="after")
    def _tries_can_differ(self) -> "Recipe":
        if self.curation_tries == 1:
            raise ValueError("curation_tries is 0 (nothing is tried) or at least 2: one try is either never or always right")
        return self

    @model_validator(mode="after")
    def _teacher_is_whole(self) -> "Recipe":
        if bool(self.teacher_url) != bool(self.teacher_model):
            raise ValueError("teacher_url and teacher_model go together")
        return self

    @model_validator(mode="after")
    def _vllm_server_is_named(self) -> "Recipe":
        if (self.vllm == "server") != bool(self.vllm_server_url):
            raise ValueError('vllm = "server" and vllm_server_url go together')
        return self

    @property
    def hash(self) -> str:
        return content_hash(self.model_dump(mode="json"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A recipe by its name in `alignment/recipes/` or by the path of a TOML file.

    Raises RecipeError naming the file and the wrong field.
    """
    path = _path_of(name_or_path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"Recipe {path} cannot be read: {error.strerror}") from error
    return _parse(content, str(name_or_path))


def recipe_from(fields: dict[str, object], origin: str = "recipe") -> Recipe:
    """A recipe from a mapping, such as the copy frozen into a round. Raises RecipeError naming the wrong field."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise RecipeError(f"{origin}: {_first_problem(error)}") from error


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that ship with the product."""
    return tuple(sorted(p.stem for p in RECIPES_DIR.glob("*.toml")))


@lru_cache(maxsize=16)
def _parse(content: bytes, origin: str) -> Recipe:
    try:
        fields = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
    return recipe_from(fields, origin)


def _path_of(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if text.endswith(".toml") or "/" in text:
        return Path(text)
    if text not in recipe_names():
        raise RecipeError(f"There is no recipe {text!r}; known are {', '.join(recipe_names())}, or give the path of a .toml file")
    return RECIPES_DIR / f"{text}.toml"


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"])
    known = f"; known fields are {', '.join(Recipe.model_fields)}" if problem["type"] == "extra_forbidden" else ""
    return f"{field}: {problem['msg']}{known}" if field else problem["msg"].removeprefix("Value error, ")
