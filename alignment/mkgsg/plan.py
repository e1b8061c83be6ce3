"""What a run was asked for. A folder belongs to one plan, whether it is finished or not."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from alignment.mkgsg.generate import GENERATOR
from alignment.mkgsg.pipeline import shares
from alignment.mkgsg.shards import SHARD_ITEMS
from alignment.mkgsg.source import families_of
from core.artifacts import write_text_atomically
from core.errors import ArtifactError, BadInput
from core.types import Value, content_hash

PLAN = "plan.json"


class Plan(Value):
    items: int = Field(gt=0, le=10_000_000)
    seed: int = Field(ge=0, lt=2**31)
    families: tuple[str, ...] = Field(min_length=1)
    max_depth: int = Field(ge=1, le=4)
    topics: tuple[str, ...] = ()
    open_book: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the items that come with evidence."""
    lacking: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of those whose evidence does not hold the answer."""
    shard_items: int = Field(default=SHARD_ITEMS, ge=1)
    graph_version: str
    generator: str = GENERATOR
    excluded: str = ""
    """Hash of what an exam asks."""
    teacher: str = ""
    """Model that words the items; empty: the grammar."""
    policy: str = ""
    """Model that tries them; empty: none."""
    tries: int = Field(default=0, ge=0)

    @property
    def hash(self) -> str:
        """Stands in the provenance of every item."""
        return content_hash(self.model_dump(mode="json"))

    @property
    def shards(self) -> int:
        return -(-self.items // self.shard_items)

    def size(self, shard: int) -> int:
        return min(self.shard_items, self.items - shard * self.shard_items)


def quotas(wanted: int, families: Sequence[str]) -> dict[str, int]:
    """How many items of each family: the capabilities get equal shares, and within each its families."""
    groups = [own for own in families_of(families).values() if own]
    return {
        family: share
        for group, of_group in zip(groups, shares(wanted, len(groups)), strict=True)
        for family, share in zip(group, shares(of_group, len(group)), strict=True)
    }


def claim(draft: Path, plan: Plan) -> None:
    """Writes the plan into a folder that has none. Raises BadInput when it has another one."""
    if (draft / PLAN).exists():
        same_plan(draft, plan)
    else:
        write_text_atomically(draft / PLAN, plan.model_dump_json(indent=1))


def same_plan(folder: Path, plan: Plan) -> None:
    """Raises BadInput, naming what differs, when the folder was made by another plan or by something else."""
    try:
        found = Plan.model_validate_json((folder / PLAN).read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{folder} exists and was not made by `mkgsg generate`; choose another folder") from None
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{folder / PLAN} cannot be read; remove {folder}, or choose another one") from error
    theirs, ours = found.model_dump(mode="json"), plan.model_dump(mode="json")
    differing = [f"{name} {_short(theirs[name])} there, {_short(ours[name])} here" for name in ours if theirs[name] != ours[name]]
    if differing:
        raise BadInput(f"{folder} belongs to another run ({'; '.join(differing)}). Give the same options, or choose another folder")


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text[:37]}..." if len(text) > 40 else text or "none"
