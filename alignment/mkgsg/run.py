"""A corpus on disk: shard after shard, gone on with after any end, the same bytes for the same plan.

What a shard holds is decided by the plan, its number, and the shards before it: its random numbers by (seed, shard, family); what counts as
seen before by the items kept so far, from which that memory is rebuilt; which families are dry by the footers. So a run that was killed
and gone on with writes what an undisturbed one writes.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from alignment.mkgsg.attempts import Attempts
from alignment.mkgsg.card import write_card
from alignment.mkgsg.case import Case
from alignment.mkgsg.curate import Curator
from alignment.mkgsg.generate import Written
from alignment.mkgsg.manifest import DatasetManifest, Shard, load_manifest, manifest_of, write_manifest
from alignment.mkgsg.pipeline import ATTEMPTS_PER_ITEM, Books, Line
from alignment.mkgsg.plan import Plan, claim, quotas, same_plan
from alignment.mkgsg.shards import Rows, read_about, read_samples, shard_name, shard_paths, shuffled
from alignment.mkgsg.source import enumerate_cases
from alignment.mkgsg.tally import Tally
from alignment.mkgsg.teacher import Teacher
from core.artifacts import file_sha256, resumed_artifact, verify_artifact, write_atomically
from core.collector import collector_paused
from core.errors import ArtifactError
from core.knowledge import Knowledge
from core.types import TrainingSample

_FEWEST_MISSES = 50
_REPORT_EVERY = 100


class Exam(NamedTuple):
    """What must not be asked, as hashes (`curate`)."""

    hashes: frozenset[str] = frozenset()
    grams: frozenset[str] = frozenset()


NO_EXAM = Exam()


@dataclass(slots=True)
class _State:
    """What the finished shards leave to the next."""

    shards: list[Shard] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    dry: set[str] = field(default_factory=set)
    """Families of which most draws were in vain. The graph does not grow during a run, so they are left alone from then on."""

    def add(self, path: Path, samples: int, tally: Tally) -> None:
        self.shards.append(
            Shard(
                file=path.name,
                samples=samples,
                sha256=file_sha256(path),
                drawn=tally.stages["source"],
                near_duplicates=tally.dropped["near_duplicate"],
            )
        )
        self.tally.add(tally)


def run(
    target: Path,
    plan: Plan,
    knowledge: Knowledge,
    *,
    exam: Exam = NO_EXAM,
    teacher: Teacher | None = None,
    attempts: Attempts | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> DatasetManifest:
    """Makes the corpus `target`, or finishes it, or finds it finished. `on_progress` is given the number of items that are there.

    Whatever ends it early (Ctrl-C, a kill, a full disk, an endpoint that stays away), whole shards stay beside the target and the same call
    goes on. Raises BadInput when the folder belongs to another plan, ArtifactError when it cannot be written or another process is at it.
    """
    if target.exists():
        same_plan(target, plan)
        verify_artifact(target)
        return load_manifest(target)
    with resumed_artifact(target) as draft:
        claim(draft, plan)
        curator = Curator(exam.hashes, exam.grams, capacity=plan.items)
        state = _resume(draft, plan, curator)
        on_progress(state.tally.kept)
        line = _line(plan, knowledge, curator, teacher, attempts)
        cases = enumerate_cases(knowledge.graph, plan.families, plan.max_depth)
        with _uncollected():
            for number in range(len(state.shards), plan.shards):
                if not _make_shard(draft, number, plan, line, cases, state, on_progress):
                    break
                gc.collect(0)
        manifest = manifest_of(
            state.tally,
            knowledge,
            recipe_hash=plan.hash,
            seed=plan.seed,
            wanted=plan.items,
            dry=tuple(sorted(state.dry)),
            shards=tuple(state.shards),
        )
        write_manifest(draft, manifest)
        write_card(draft, manifest, plan, knowledge)
    return manifest


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector, which walks whatever is alive: the graph and the cases, never garbage (a fifth of the time at first), then the rows of the
    shard (2 %). Items make hardly any circles (66 objects in 8,000 items), so it is called between shards, when the rows are gone.
    """
    gc.freeze()
    try:
        with collector_paused():
            yield
    finally:
        gc.unfreeze()


def _line(plan: Plan, knowledge: Knowledge, curator: Curator, teacher: Teacher | None, attempts: Attempts | None) -> Line:
    return Line(
        knowledge,
        curator,
        recipe_hash=plan.hash,
        topics=frozenset(plan.topics),
        books=Books(plan.open_book, plan.lacking),
        teacher=teacher,
        attempts=attempts,
    )


def _make_shard(
    draft: Path, number: int, plan: Plan, line: Line, cases: Mapping[str, Sequence[Case]], state: _State, on_progress: Callable[[int], None]
) -> bool:
    """Whether there was anything left to make."""
    rows, tally = Rows(), Tally()
    for written in _items(number, plan, replace(line, tally=tally), cases, state.dry):
        rows.add(written.sample, written.completion, written.unaligned)
        if len(rows) % _REPORT_EVERY == 0:
            on_progress(state.tally.kept + len(rows))
    if not len(rows):
        return False
    path = draft / shard_name(number)
    about = {"tally": tally.counts(), "dry": sorted(state.dry)}
    write_atomically(path, rows.encoded(about, shuffled(len(rows), f"{plan.seed}:{number}")))
    state.add(path, len(rows), tally)
    on_progress(state.tally.kept)
    return True


def _items(number: int, plan: Plan, line: Line, cases: Mapping[str, Sequence[Case]], dry: set[str]) -> Iterator[Written]:
    """The items of one shard. What a family does not fill is shared among those that are not dry; each time one more may become so."""
    missing, turn = plan.size(number), 0
    # A model rejects much for other reasons than that the family has no more: it may need many draws for an item.
    patience = ATTEMPTS_PER_ITEM if line.teacher or line.attempts else 1
    while missing and (living := [f for f in plan.families if f not in dry and cases.get(f)]):
        for family, quota in quotas(missing, living).items():
            before = missing
            for written in line.items(cases[family], quota, f"{plan.seed}:{number}:{family}:{turn}", max(_FEWEST_MISSES, patience * quota)):
                missing -= 1
                yield written
            if before - missing < quota:
                dry.add(family)
        turn += 1


def _resume(draft: Path, plan: Plan, curator: Curator) -> _State:
    """The state after the shards that are there, by what they hold and what their footers say. Raises ArtifactError naming a broken one."""
    for torn in draft.glob(".*"):  # what a kill left of a file that was being written
        torn.unlink()
    state = _State()
    for number, path in enumerate(shard_paths(draft)):
        if path.name != shard_name(number):
            raise ArtifactError(f"{draft / shard_name(number)} is missing; remove {draft} to begin anew")
        about, samples = read_about(path), list(read_samples(path))
        for sample in _as_made(samples, f"{plan.seed}:{number}"):
            curator.drop_reason(sample)
        state.add(path, len(samples), Tally.of(about["tally"]))
        state.dry.update(about["dry"])
    return state


def _as_made(samples: Sequence[TrainingSample], seed: str) -> list[TrainingSample]:
    """The samples of a shard in the order in which they were made: the memory of what was seen depends on it."""
    order = shuffled(len(samples), seed)
    return [samples[position] for position in sorted(range(len(samples)), key=order.__getitem__)]
