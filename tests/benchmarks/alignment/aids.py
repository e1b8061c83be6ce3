"""Three ways to help with prompts that no sample of a group gets right, each as small as it can be measured. All end without the help.

- hints: in the first half of the steps every prompt is asked with the facts of its own path of the graph as evidence
- warm: a fifth of the steps are SFT on the validated references, the rest GRPO
- depth: in the first half of the steps only items of at most `_SHALLOW` hops are asked, of capabilities that have such
"""

from collections import Counter
from collections.abc import Sequence

from alignment.grpo.objectives import part_of
from core.knowledge import Knowledge
from core.types import TrainingSample
from tests.benchmarks.alignment.material import Material

_SHALLOW = 2
_WARM_SHARE = 5
"""One step in so many."""


def warm_steps(steps: int) -> int:
    return max(1, steps // _WARM_SHARE)


def hinted(sample: TrainingSample, knowledge: Knowledge) -> TrainingSample:
    """The item with the facts of its path, and no others, before it; as it is where it has evidence or the path has no fact."""
    facts = [f for f in knowledge.graph.facts if f.row in set(sample.provenance.ids)] if not sample.evidence else []
    return sample.model_copy(update={"evidence": tuple(knowledge.graph.sentence(f) for f in facts)}) if facts else sample


def with_hints(given: Material, order: Sequence[int], knowledge: Knowledge) -> tuple[Material, tuple[int, ...]]:
    """The hinted twins stand behind the samples; the first half of the order asks them."""
    count, half = len(given.samples), len(order) // 2
    twins = tuple(hinted(s, knowledge) for s in given.samples)
    return given._replace(samples=(*given.samples, *twins), references=given.references * 2), tuple(i + count if n < half else i for n, i in enumerate(order))


def shallow_first(given: Material, order: Sequence[int]) -> tuple[int, ...]:
    """The first half of the order asks shallow items where the capability has them, in the place of deeper ones."""
    found, turns = list(order), Counter[str]()
    for n, sample in enumerate(given.samples[i] for i in order[: len(order) // 2]):
        shallow = [i for i, s in enumerate(given.samples) if part_of(s) == part_of(sample) and s.depth <= _SHALLOW]
        if sample.depth > _SHALLOW and shallow:
            found[n] = shallow[turns[part_of(sample)] % len(shallow)]
            turns[part_of(sample)] += 1
    return tuple(found)
