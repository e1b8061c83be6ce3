"""The arguments of checks: their types, and the refusal of a check that would pass, or fail, whatever the reply."""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from core.errors import BadInput
from core.types import Check

Count = Annotated[int, Field(gt=0)]
Text = Annotated[str, StringConstraints(pattern=r"\S")]
Texts = Annotated[list[Text], Field(min_length=1)]
Relation = Literal["less than", "at least"]
Letter = Annotated[str, StringConstraints(pattern=r"^\S$")]


def compare(count: int, relation: Relation, bound: int) -> bool:
    return count < bound if relation == "less than" else count >= bound


def arguments(check: Check, checker: Callable[..., bool]) -> dict[str, Any]:
    """The check's arguments as `checker` takes them. Raises BadInput where one is missing, unknown or cannot be judged by."""
    try:
        return _arguments(checker).validate_python(check.args)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise BadInput(f"Check {check.kind!r}: {found}") from None


@cache
def _arguments(checker: Callable[..., bool]) -> TypeAdapter[dict[str, Any]]:
    wanted = {name: kind for name, kind in get_type_hints(checker, include_extras=True).items() if name not in ("answer", "return")}
    return TypeAdapter(with_config(ConfigDict(strict=True, extra="forbid"))(TypedDict(checker.__name__, wanted)))  # type: ignore[operator]  # a TypedDict made at run time has no static type
