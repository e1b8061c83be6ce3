"""What a round trains on and how: one frozen value, read from a TOML file, hashed into everything made from it.

Kept free of torch so that the app can check a recipe before a round is queued.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from alignment.mkgsg.source import families_of
from core.addresses import names_a_host
from core.errors import BadInput, RecipeError
from core.types import Value, content_hash
from evals.decision import GatePolicy

RECIPES_DIR = Path(__file__).resolve().parent / "recipes"


class Recipe(Value):
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Of everything drawn: items, their order, replies."""

    # --- data
    items_per_capability: int = Field(default=160, ge=0, le=100_000)
    """MKGSG items made for each capability, before curation; weak capabilities may get more (`weakness_tilt`)."""
    weakness_tilt: float = Field(default=0.5, ge=0.0, le=4.0)
    """How much more a weak capability gets: its share is multiplied by 1 + tilt x weakness, weakness in [0, 1]."""
    anchor_per_capability: int = Field(default=8, ge=0, le=10_000)
    """Anchor items for each capability: asked whatever the round is about, trained on, and not to be opposed, so that nothing is paid for."""

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
    """Its name there."""

    # --- models in the reward, each weighing what its reliability on clinicians' judgements was measured to be
    preference: bool = False
    """Train a preference model from all accepted judgements, and let it order replies of one band."""
    judge_url: str = ""
    """OpenAI-compatible address of a model that judges replies, with its key in JUDGE_API_KEY; empty: none is asked."""
    judge_model: str = ""
    """Its name there."""

    # --- generation
    prompts_per_step: int = Field(default=8, ge=1, le=4096)
    """Prompts of each optimizer step, anchors apart."""
    anchors_per_step: int = Field(default=2, ge=0, le=4096)
    """Anchor prompts in each step, on top of `prompts_per_step`."""
    completions: int = Field(default=8, ge=2, le=256)
    """Size of a group: replies sampled for one prompt."""
    max_completion_tokens: int = Field(default=128, ge=1, le=16_384)
    """Longest reply that is sampled."""
    temperature: float = Field(default=1.0, gt=0.0, le=4.0)
    """Of the sampling."""

    # --- optimisation
    steps: int = Field(default=60, ge=1, le=1_000_000)
    """Optimizer steps."""
    learning_rate: float = Field(default=1e-3, gt=0.0, le=1.0)
    """The highest; it rises over `warmup_steps`."""
    warmup_steps: int = Field(default=4, ge=0)
    """Steps until the learning rate is reached."""
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    """A longer gradient is shortened to this length."""
    micro_batch: int = Field(default=64, ge=1)
    """Most replies in one forward and backward pass; bounds memory, changes results only by rounding."""
    lora_rank: int = Field(default=16, ge=1, le=512)
    """Rank of a fresh adapter, at most the setting LORA_RANK; one that is continued keeps its own rank and `lora_alpha`."""
    lora_alpha: int = Field(default=32, ge=1, le=4096)
    """The adapter counts `lora_alpha / lora_rank` times."""
    beta: float = Field(default=0.02, ge=0.0, le=10.0)
    """Weight of the KL divergence from the checkpoint that the round started from; 0.4 in the shipped recipes, which are for the starter."""
    kl_budget: float = Field(default=0.0, ge=0.0)
    """KL divergence that a capability may have, in nats per token; above it its `beta` rises, below it falls back to `beta`. 0: no budget."""
    kl_rate: float = Field(default=0.1, gt=0.0, le=10.0)
    """How fast it rises and falls in a step, relative to the share of the budget that is overdrawn."""

    # --- objectives, and how their gradients become one step
    strategy: Literal["sum", "gdpo", "pcgrad", "mgda", "cagrad", "exact", "balanced"] = "balanced"
    """A name of `alignment.grpo.strategies`: plain sums (`sum`, `gdpo`), gradients kept apart (`pcgrad`, `mgda`, `cagrad`, `exact`), or ours.

    `sum` and `gdpo` are there for comparison: as published they do not keep bands, so an unsafe or wrong reply can outscore a safe or right one.
    """
    objectives: Literal["capability", "component"] = "capability"
    """What must not be opposed: each capability as a whole, or each reward component of each capability (conflicts on the same replies).

    Of capabilities every strategy but `sum` and `gdpo` keeps bands in the advantages; of components `balanced` alone does, those that keep gradients
    apart add components as they are.
    """
    projected: Literal["gradient", "update"] = "gradient"
    """What is made to oppose no objective: the gradient, or (with `exact` alone) the step that the optimizer makes of the plain gradient."""
    probe_prompts: int = Field(default=5, ge=0)
    """Most prompts of a part in a pass that only measures gradients, of components that share their replies; 0: all.

    All else is read off the step's own backward pass.
    """
    probe_average: float = Field(default=0.9, ge=0.0, lt=1.0)
    """Share of what earlier steps found about the gradients that each new one leaves standing; 0: only the one before counts."""
    weight_rate: float = Field(default=0.0, ge=0.0, le=10.0)
    """Size of the mirror-descent step of the base weights toward what lags; 0: weights stay as the rules set them."""
    weight_floor: float = Field(default=0.25, ge=0.0, le=1.0)
    """Least share of its rule's weight that a capability or component keeps."""
    weight_pull: float = Field(default=0.1, ge=0.0, le=1.0)
    """How far each step pulls the base weights back to the rules'."""
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
        _require_address("teacher_url", self.teacher_url)
        return self

    @model_validator(mode="after")
    def _judge_is_whole(self) -> "Recipe":
        if bool(self.judge_url) != bool(self.judge_model):
            raise ValueError("judge_url and judge_model go together")
        _require_address("judge_url", self.judge_url)
        return self

    @model_validator(mode="after")
    def _update_needs_gradients(self) -> "Recipe":
        if self.projected == "update" and self.strategy != "exact":
            raise ValueError('projected = "update" needs every gradient by itself: strategy = "exact"')
        return self

    @model_validator(mode="after")
    def _budget_has_a_price(self) -> "Recipe":
        if self.kl_budget and not self.beta:
            raise ValueError("kl_budget raises beta, which must not be 0")
        return self

    @model_validator(mode="after")
    def _vllm_server_is_named(self) -> "Recipe":
        if (self.vllm == "server") != bool(self.vllm_server_url):
            raise ValueError('vllm = "server" and vllm_server_url go together')
        return self

    @property
    def hash(self) -> str:
        return content_hash(self.model_dump(mode="json"))


def _require_address(field: str, url: str) -> None:
    """Raises ValueError when a URL is given with which nobody could be asked."""
    if url and not names_a_host(url, "http", "https"):
        raise ValueError(f"{field} begins with http:// or https:// and names a host")


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


def require_independent_judge(recipe: Recipe, policy: GatePolicy, served_at: str) -> None:
    """Who judges in training may not judge in the exam, or the gate would confirm what training was told to please.

    `served_at` is where this product's own models answer, the candidate among them. Raises RecipeError naming the judge.
    """
    if not recipe.judge_model:
        return
    asked = {_judge_key(recipe.judge_model), _judge_key(recipe.judge_url)}
    if shared := asked & {_judge_key(judge) for judge in policy.judges}:
        raise RecipeError(f"judge_model: {recipe.judge_model} at {recipe.judge_url} judges for the gate too ({min(shared)}); name another model elsewhere")
    if _judge_key(served_at) in asked:
        raise RecipeError(f"judge_url: {recipe.judge_url} serves the models that are examined; no model may judge itself")


def _judge_key(name_or_address: str) -> str:
    """One spelling: a model by its name without its maker's, an address by host and port."""
    text = name_or_address.strip().casefold()
    if "://" not in text:
        return text.rsplit("/", 1)[-1]
    parts = urlsplit(text)
    host = "127.0.0.1" if parts.hostname in {"localhost", "::1", "0.0.0.0"} else parts.hostname
    port = parts.netloc.rpartition(":")[2]
    return f"{host}:{port if port.isdigit() else 443 if parts.scheme == 'https' else 80}"


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
