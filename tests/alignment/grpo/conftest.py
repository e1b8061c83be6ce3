"""A tiny policy, a small dataset of every capability, and a trainer over both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alignment.recipe import Recipe, load_recipe
from alignment.rewards import component_weights
from core.types import Capability, Check, Message, Provenance, Reference, Score, TrainingSample
from tests.models import build_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def test_recipe() -> Recipe:
    return load_recipe("test")


def make_sample(capability: Capability, number: int, source: str = "mkgsg") -> TrainingSample:
    return TrainingSample(
        messages=(Message(role="user", content=f"Question {number} about {capability.value}: what would you advise?"),),
        capability=capability,
        family="test",
        reference=Reference(kind="refusal"),
        checks=(Check(kind="max_words", args={"n": 3}), Check(kind="lower_case")),
        provenance=Provenance(source=source, generator="test", recipe_hash="0"),  # type: ignore[arg-type]  # a literal, as text
    )


@pytest.fixture(scope="session")
def samples() -> list[TrainingSample]:
    training = [make_sample(capability, i) for capability in Capability for i in range(4)]
    return training + [make_sample(capability, 9, "anchor") for capability in Capability]


def vowel_score(item: TrainingSample, reply: str) -> dict[str, Score]:
    """A reward that a random model already varies in: every second letter a vowel is right, and shorter is tidier."""
    share = sum(c in "aeiou" for c in reply) / max(len(reply), 1)
    return {"correctness": Score(name="correctness", value=float(share > 0.2)), "format": Score(name="format", value=1 / (1 + len(reply)))}


@pytest.fixture
def make_trainer(tiny_model: Path, samples: list[TrainingSample], test_recipe: Recipe, tmp_path: Path) -> Callable:
    """`make_trainer(folder_name, samples=..., score=..., models=..., **recipe_changes)` -> CapabilityTrainer."""
    from alignment.grpo.policy import load_policy
    from alignment.grpo.schedule import schedule
    from alignment.grpo.trainer import CapabilityTrainer

    def make(name="run", samples=samples, score=vowel_score, parent=None, models=(), weights=component_weights, **changes):
        recipe = test_recipe.model_copy(update=changes)
        policy = load_policy(str(tiny_model), parent, recipe)
        kept = tmp_path / name / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        return CapabilityTrainer(policy, samples, schedule(samples, recipe), recipe, score, kept, tmp_path / name / "scratch", models=models, weights=weights)

    return make
