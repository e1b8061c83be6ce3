import json

import pytest
import torch

from alignment.optimisation import PROJECTIONS
from alignment.recipe import load_recipe
from alignment.rewards.preference import CARD, load_card, load_preference, train_preference
from core.artifacts import MANIFEST, new_artifact, verify_artifact
from core.errors import ArtifactError, BadInput, RecipeError
from core.types import Capability, Item, Message, Reference
from tests.alignment.rewards.conftest import judgement

RECIPE = load_recipe("test").model_copy(update={"learning_rate": 1e-2})
ITEM = Item(messages=(Message(role="user", content="What of z?"),), capability=Capability.DOMAIN, family="test", reference=Reference(kind="refusal"))


def train(target, judgements, base, is_stopped=lambda: False, recipe=RECIPE):
    torch.set_num_threads(1)
    scratch = target.parent / "scratch"
    return train_preference(target, judgements, base_model=str(base), base_name="tiny", recipe=recipe, scratch=scratch, is_stopped=is_stopped)


@pytest.fixture(scope="module")
def trained(tiny_model, judgements, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "cp-1-preference"
    assert train(folder, judgements, tiny_model)
    return folder


def test_what_clinicians_prefer_is_learnt_and_its_worth_is_measured_on_other_questions(trained, tiny_model):
    model = load_preference(trained, str(tiny_model))
    good, bad = (score.value for score in model.scores([(ITEM, "yes yes yes"), (ITEM, "no no no")]))
    assert 0.0 < bad < good < 1.0
    found = model.card.reliability[Capability.DOMAIN]
    assert (found.questions, found.auc) == (20, 1.0)
    assert model.weights == {c: found.weight if c is Capability.DOMAIN else 0.0 for c in Capability}
    assert 0.7 < found.weight < 0.75  # twenty of twenty: not a certainty


def test_it_is_kept_as_an_artifact_with_its_card(trained, tiny_model):
    verify_artifact(trained)
    assert sorted(p.name for p in trained.iterdir()) == ["adapter_config.json", "adapter_model.safetensors", MANIFEST, CARD]
    card = load_card(trained)
    assert (card.base_model, card.pairs, card.held_out, card.too_long, card.simulated) == ("tiny", {"ratings": 20, "correction": 0}, 20, 0, 0)
    assert card.loss < 0.6
    assert json.loads((trained / "adapter_config.json").read_text())["target_modules"] == sorted(PROJECTIONS)  # in one order in every process
    assert str(tiny_model) not in "".join(p.read_text(errors="replace") for p in trained.glob("*.json"))


def test_the_same_judgements_give_the_same_bytes_and_are_not_learnt_twice(trained, tiny_model, judgements, tmp_path):
    again = tmp_path / "again"
    assert train(again, judgements, tiny_model)
    assert [p.name for p in tmp_path.iterdir()] == ["again"]
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in trained.iterdir()}
    written = (again / CARD).stat().st_mtime_ns
    assert train(again, judgements, tiny_model)
    assert (again / CARD).stat().st_mtime_ns == written


def test_a_model_of_other_judgements_is_not_taken_for_this_ones(trained, tiny_model, judgements):
    with pytest.raises(ArtifactError, match="made from other judgements"):
        train(trained, judgements[1:], tiny_model)


def test_nothing_to_learn_from_or_a_stop_leaves_nothing(tiny_model, judgements, tmp_path):
    held_out = [j for j in judgements if j.held_out]
    assert not train(tmp_path / "a", held_out, tiny_model)
    assert not train(tmp_path / "b", [judgement(1, chosen="x" * 600)], tiny_model)
    assert not train(tmp_path / "c", judgements, tiny_model, is_stopped=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_corrections_are_learnt_from_but_measure_nothing(tiny_model, tmp_path):
    assert train(tmp_path / "m", [judgement(i, source="correction") for i in range(4)], tiny_model)
    assert load_card(tmp_path / "m").pairs["correction"] == 2
    assert set(load_preference(tmp_path / "m", str(tiny_model)).weights.values()) == {0.0}


def test_pairs_that_the_rules_tell_apart_are_learnt_from_but_measure_nothing(tiny_model, tmp_path):
    assert train(tmp_path / "m", [judgement(i, one_band=i % 2 == 1) for i in range(4)], tiny_model)
    card = load_card(tmp_path / "m")
    assert (card.pairs["ratings"], card.held_out, card.measured, card.reliability) == (2, 2, 0, {})


def test_only_the_answer_is_read_and_what_cannot_be_read_says_why(trained, tiny_model):
    model = load_preference(trained, str(tiny_model))
    plain, thought, empty, endless = model.scores([(ITEM, "yes"), (ITEM, "<think>no no no</think> yes"), (ITEM, "<think>yes yes"), (ITEM, "y" * 600)])
    assert plain.value == pytest.approx(thought.value, abs=1e-6)
    assert (empty.value, empty.explanation) == (0.0, "no answer")
    assert (endless.value, endless.explanation) == (0.0, "too long")
    assert model.scores([]) == []


def test_evidence_is_part_of_the_question(trained, tiny_model):
    model = load_preference(trained, str(tiny_model))
    with_evidence = ITEM.model_copy(update={"evidence": ("Salbutamol helps.",)})
    plain, informed = (model.scores([(item, "yes")])[0].value for item in (ITEM, with_evidence))
    assert plain != informed


def test_damage_and_another_base_are_named(trained, tiny_model, tmp_path):
    with new_artifact(tmp_path / "odd") as draft:
        for path in trained.iterdir():
            if path.name != MANIFEST:
                (draft / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BadInput, match="cannot be loaded as a preference model"):
        load_preference(tmp_path / "odd", str(tmp_path / "nowhere"))
    (tmp_path / "odd" / CARD).write_text("{}")
    with pytest.raises(ArtifactError, match="was changed"):
        load_preference(tmp_path / "odd", str(tiny_model))


@pytest.mark.parametrize("launcher", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_it_is_not_trained_in_shards(monkeypatch, tiny_model, judgements, tmp_path, launcher):
    monkeypatch.setenv(launcher, "true")
    with pytest.raises(RecipeError, match=r"^preference: "):
        train(tmp_path / "m", judgements, tiny_model)
