import pytest

from alignment.recipe import Recipe, load_recipe, recipe_from, recipe_names
from core.errors import RecipeError


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
