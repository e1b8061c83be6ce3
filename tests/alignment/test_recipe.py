import pytest

from alignment.recipe import Recipe, load_recipe, recipe_from, recipe_names, require_independent_judge
from core.errors import RecipeError
from core.settings import ROOT
from evals.policy import load_policy


def test_the_recipes_that_ship_are_valid_and_different():
    assert recipe_names() == ("default", "demo", "test")
    assert len({load_recipe(name).hash for name in recipe_names()}) == 3


def test_a_frozen_copy_gives_the_same_recipe():
    recipe = load_recipe("demo")
    assert recipe_from(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stepz = 3", "stepz: Extra inputs"),
        ("steps = 'many'", "steps: "),
        ("steps = 0", "steps: "),
        ("strategy = 'best'", "strategy: "),
        ("learning_rate = nan", "learning_rate: "),
        ("steps = 2\nwarmup_steps = 3", "warmup_steps (3) may not exceed steps (2)"),
        ("judge_model = 'm'", "judge_url and judge_model go together"),
        ("judge_model = 'm'\njudge_url = 'm'", "judge_url begins with http"),
        ("judge_model = 'm'\njudge_url = 'http://'", "judge_url begins with http"),
        ("judge_model = 'm'\njudge_url = 'http://[::1'", "judge_url begins with http"),
        ("teacher_model = 'm'\nteacher_url = 'models.example/v1'", "teacher_url begins with http"),
        ("steps = = 2", "not valid TOML"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, line, message):
    file = tmp_path / "mine.toml"
    file.write_text(line)
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert message in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(RecipeError, match="default, demo, test"):
        load_recipe("best")


def test_a_missing_or_binary_file_is_a_recipe_error(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.toml", tmp_path / "binary.toml"):
        with pytest.raises(RecipeError):
            load_recipe(path)


def test_the_hash_follows_content():
    assert Recipe().hash == Recipe().hash
    assert Recipe(seed=1).hash != Recipe().hash


_SERVED = "http://127.0.0.1:8200/v1"


def _judged_by(*judges):
    return load_policy(ROOT / "evals" / "policy.toml").model_copy(update={"judges": judges})


@pytest.mark.parametrize(
    ("model", "url", "judges", "named"),
    [
        ("judge-7b", "https://a.example/v1", ("judge-7b",), "judge_model"),
        ("maker/Judge-7B", "https://a.example/v1", ("judge-7b",), "judge_model"),
        ("judge-7b", "https://a.example/v1", ("https://A.example:443/v1/chat",), "judge_model"),
        ("judge-7b", "http://localhost:9000/v1", ("http://127.0.0.1:9000",), "judge_model"),
        ("judge-7b", "http://localhost:8200/v1", (), "judge_url"),
    ],
    ids=["same name", "same name of a maker", "same address", "same machine", "the product's own models"],
)
def test_the_judge_of_the_reward_may_not_judge_for_the_gate(model, url, judges, named):
    recipe = Recipe(judge_model=model, judge_url=url)
    with pytest.raises(RecipeError, match=f"^{named}: "):
        require_independent_judge(recipe, _judged_by(*judges), _SERVED)


def test_another_judge_or_none_may_be_asked():
    require_independent_judge(Recipe(), _judged_by("judge-7b", _SERVED), _SERVED)
    require_independent_judge(Recipe(judge_model="other-7b", judge_url="https://b.example/v1"), _judged_by("judge-7b", "https://a.example"), _SERVED)
