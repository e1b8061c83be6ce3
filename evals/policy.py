"""Reads a gate policy; a wrong field is named, a right one is frozen."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from core.errors import RecipeError
from evals.decision import GatePolicy


def load_policy(path: Path) -> GatePolicy:
    """Raises RecipeError naming the file and the field."""
    try:
        return GatePolicy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(f"The gate policy {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise RecipeError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from error
