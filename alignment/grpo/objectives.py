"""What a step must improve or must not harm, and whose rows speak for it.

Rows (replies) belong to a *part*: a capability, or a capability's anchor. An *objective* is a part as a whole, or one reward component of a
capability's part; objectives of one part share its rows, and so can be in conflict on the same replies.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from core.types import Capability, TrainingSample

ANCHOR_PREFIX = "anchor:"


class Objective(NamedTuple):
    name: str
    """The part's name, with the component after a slash: "domain", "domain/format", "anchor:domain"."""
    part: str
    component: str | None = None
    """None: the whole reward of the part."""

    @property
    def is_anchor(self) -> bool:
        """Anchors are asked in every step, whatever the round is about, and are objectives of their own."""
        return is_anchor_part(self.part)


def is_anchor(sample: TrainingSample) -> bool:
    return sample.provenance.source == "anchor"


def is_anchor_part(part: str) -> bool:
    return part.startswith(ANCHOR_PREFIX)


def part_of(sample: TrainingSample) -> str:
    """The part that a sample's rows belong to: its capability, or that capability's anchor."""
    prefix = ANCHOR_PREFIX if is_anchor(sample) else ""
    return f"{prefix}{sample.capability.value}"


def capability_of(part: str) -> Capability:
    """The capability that a part is about."""
    return Capability(part.removeprefix(ANCHOR_PREFIX))


def objectives_of(
    samples: Iterable[TrainingSample], kind: Literal["capability", "component"], weights: Callable[[Capability], Mapping[str, float]]
) -> tuple[Objective, ...]:
    """Every objective that the samples can have, by name. `weights` are those of a capability's components; what weighs nothing is none."""
    objectives: list[Objective] = []
    for part in sorted({part_of(sample) for sample in samples}):
        whole = Objective(part, part)
        if kind == "capability" or whole.is_anchor:
            objectives.append(whole)
        else:
            objectives += [Objective(f"{part}/{c}", part, c) for c, w in sorted(weights(capability_of(part)).items()) if w > 0.0]
    return tuple(objectives)
