"""IFEval's prompts as they are published: one JSON object a line, with `instruction_id_list` and, beside it, `kwargs`."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.types import Check


def checks(instruction_ids: Sequence[str], kwargs: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
    """One check for each instruction. Some copies of the data name every argument of every instruction, as null: those are dropped."""
    return tuple(Check(kind=kind, args={k: v for k, v in args.items() if v is not None}) for kind, args in zip(instruction_ids, kwargs, strict=True))
