"""Tables of what can be set, read from the code: names, types, defaults, and the text under each field. The pages in `docs` hold these tables."""

import ast
import inspect
import itertools
import types
import typing
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from core.settings import ROOT, Settings

_WORDS = {str: "text", int: "number", float: "number", bool: "true or false", Path: "path"}


def settings_table() -> str:
    """`docs/settings.md`"""
    return _table(Settings, "Variable", str.upper, mapping="JSON")


def field_table(model: type[BaseModel]) -> str:
    """Of a TOML file: a recipe, a gate policy or its canary."""
    return _table(model, "Field", str, mapping="table")


def _table(model: type[BaseModel], head: str, called: Callable[[str], str], mapping: str) -> str:
    """Markdown: one row per field, in the order of the file. `mapping`: how one is written there."""
    meanings = _texts_under_fields(model)
    rows = [
        f"| `{called(name)}` | {_type(field.annotation, mapping)} | {_default(field)} | {meanings.get(name, '')} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join([f"| {head} | Type | Default | Meaning |", "|---|---|---|---|", *rows])


def _texts_under_fields(model: type[BaseModel]) -> dict[str, str]:
    """A field's documentation is the string that follows it; a field without one shares none."""
    tree = ast.parse(inspect.getsource(model))
    body = tree.body[0].body  # type: ignore[attr-defined]  # a class definition
    texts = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            texts[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[union-attr]  # a plain name
    return texts


def _type(annotation: object, mapping: str) -> str:
    if annotation in (SecretStr, SecretStr | None):
        return "secret"
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        return "list"
    if typing.get_origin(annotation) is dict or isinstance(annotation, types.UnionType) or (inspect.isclass(annotation) and issubclass(annotation, BaseModel)):
        return mapping
    return _WORDS.get(typing.cast(type, annotation), "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none: must be set"
    value = None if field.default is PydanticUndefined else field.default
    if isinstance(value, BaseModel):
        return "see there"
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        value = value.relative_to(ROOT)
    if isinstance(value, bool):
        value = str(value).lower()
    return "empty" if value in ("", None, {}, ()) else f"`{value}`"
