"""The table of settings, read from `core.settings`: names, types, defaults, and the text under each field. `docs/settings.md` is this table."""

import ast
import inspect
import itertools
import typing
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from core.settings import ROOT, Settings


def settings_table() -> str:
    """Markdown: one row per setting, in the order of the file."""
    meanings = _texts_under_fields()
    rows = [f"| `{name.upper()}` | {_type(field)} | {_default(field)} | {meanings.get(name, '')} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows])


def _texts_under_fields() -> dict[str, str]:
    """A field's documentation is the string that follows it; a field without one shares none."""
    tree = ast.parse(inspect.getsource(Settings))
    body = tree.body[0].body  # type: ignore[attr-defined]  # a class definition
    texts = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            texts[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[union-attr]  # a plain name
    return texts


def _type(field: FieldInfo) -> str:
    annotation = field.annotation
    if annotation in (SecretStr, SecretStr | None):
        return "secret"
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is dict:
        return "JSON"
    return {"str": "text", "int": "number", "float": "number", "bool": "true or false", "Path": "path"}.get(getattr(annotation, "__name__", ""), "")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "none: must be set"
    value = field.default
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        value = value.relative_to(ROOT)
    if isinstance(value, bool):
        value = str(value).lower()
    return "empty" if value in ("", None, {}) else f"`{value}`"
