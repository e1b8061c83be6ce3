"""The base model as it is on this machine: where it lies and what its content is."""

import re
from pathlib import Path

from core.artifacts import file_sha256
from core.errors import BadInput
from core.types import content_hash

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def is_hub_name(location: str) -> bool:
    """A name such as `Qwen/Qwen2.5-0.5B-Instruct`, when no folder of that name is here."""
    return bool(_HUB_NAME.fullmatch(location)) and not Path(location).exists()


def model_digest(location: str) -> str:
    """SHA-256 over the model folder's files; over the name for a model of the hub. Raises BadInput when there is no such folder.

    Two starts with equal weights get the same base checkpoint; new weights under an old name get a new one.
    """
    if is_hub_name(location):
        return content_hash(location)
    folder = Path(location)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not (folder / "config.json").is_file():
        raise BadInput(f"There is no model in {location}: set BASE_MODEL to `starter` (made by `balancedbio starter build`), a model folder or a hub name")
    return content_hash({p.relative_to(folder).as_posix(): file_sha256(p) for p in files})
