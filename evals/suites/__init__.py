"""Exams by name, or by the path of the TOML file that declares one. Training never imports this package; it receives hashes of items, to exclude them."""

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from core.artifacts import file_sha256
from core.errors import NotFound, SuiteError
from core.knowledge import Knowledge, builtin
from core.knowledge.evidence import retrieve
from core.settings import ROOT, exam_data
from core.types import ExamItem, content_hash
from evals.suites import starter
from evals.suites.declared import items_of


class _Suite(NamedTuple):
    name: str
    items: tuple[ExamItem, ...]


class Suite(_Suite):
    """A named, ordered set of items. `hash` changes when any item does, or how replies are marked: reports made before cannot be compared."""

    @cached_property
    def hash(self) -> str:
        return content_hash([self.name, self.asked, marking_version()])

    @cached_property
    def asked(self) -> str:
        """Hash of the items alone, in their order, with what they share and how long a reply may be."""
        return content_hash([[i.id, i.cluster, i.reply_tokens] for i in self.items])

    def slice(self, number: int, of: int) -> "Suite":
        """Every `of`-th vignette with all its items, by a hash of its name; all slices together are the suite. Each is an exam of its own."""
        chosen = (i for i in self.items if int(content_hash(i.cluster)[:8], 16) % of == number % of)
        return self if of == 1 else Suite(self.name, tuple(chosen))

    @cached_property
    def item_hashes(self) -> frozenset[str]:
        """Ids of the items, and of those asked open book as they would be asked closed book: neither may be trained on."""
        return frozenset(id_ for i in self.items for id_ in (i.id, i.model_copy(update={"evidence": ()}).id))


@lru_cache(maxsize=1)
def marking_version() -> str:
    """Hash of the code and the knowledge by which a reply is asked for and marked. Any edit to them counts: a needless exam is cheap."""
    return content_hash({f.relative_to(ROOT).as_posix(): file_sha256(f) for f in marking_files()})


def marking_files() -> list[Path]:
    """Every module of `core` but what stores things, and not a list of those that scorers import: such a list is forgotten."""
    found = (file for pattern in _MARKING for file in ROOT.glob(pattern))
    return sorted(f for f in found if f.suffix in {".py", ".tsv"})


_MARKING = ("core/*", "core/knowledge/**/*", "evals/scorers/**/*", "evals/run.py")

_GENERATED: dict[str, Callable[[], tuple[ExamItem, ...]]] = {
    "starter": lambda: half_open(starter.items(builtin().graph, per_family=starter.FULL), builtin()),
    "smoke": lambda: half_open(starter.items(builtin().graph, per_family=starter.SMOKE), builtin()),
}
_SHIPPED = {file.stem: file for file in Path(__file__).parent.glob("*.toml")}
SUITES = tuple(sorted((*_GENERATED, *_SHIPPED)))


def half_open(items: Iterable[ExamItem], knowledge: Knowledge) -> tuple[ExamItem, ...]:
    """Every second item of each family, by its id, is asked with what the retrieval finds for it, as chat would ask it."""
    return tuple(_opened(item, knowledge) if int(item.id, 16) % 2 else item for item in items)


def _opened(item: ExamItem, knowledge: Knowledge) -> ExamItem:
    evidence = tuple(knowledge.graph.sentence(f) for f in retrieve(item.messages, knowledge))
    return item.model_copy(update={"evidence": evidence})


def suite_name(named: str) -> str:
    """What the suite is called that a policy names: by its name, or by the path of a TOML file."""
    return Path(named).stem if named.lower().endswith(".toml") else named


def load_suite(named: str, beside: Path | None = None) -> Suite:
    """A suite by its name, or by the path of the TOML file that declares it: from the folder `beside` where it lies there.

    Raises NotFound naming the suites there are, SuiteError for what is wrong with the files of a declared one, Unavailable when the hub is.
    """
    if named in _GENERATED:
        return _generated(named)
    if beside and named.lower().endswith(".toml") and (beside / named).is_file():
        named = str(beside / named)
    return _declared(named, ())


@lru_cache
def _generated(name: str) -> Suite:
    return Suite(name, _GENERATED[name]())


def _declared(named: str, within: tuple[Path, ...]) -> Suite:
    """Read anew each time: its files are people's, and change. `within` are the declarations that it is a part of."""
    is_own = named.lower().endswith(".toml")
    if not is_own and named not in _SHIPPED:
        raise NotFound(f"There is no suite {named!r}; known are {', '.join(SUITES)}, and any path of a .toml file")
    file = Path(named).resolve() if is_own else _SHIPPED[named]
    if is_own and suite_name(named) in SUITES:
        raise SuiteError(f"{file}: {suite_name(named)!r} is the name of a suite that is shipped; call the file something else")
    if file in within:
        raise SuiteError(f"{file} is a part of itself; take that part out")

    def part(other: str) -> tuple[ExamItem, ...]:
        if other in _GENERATED:
            return _generated(other).items
        return _declared(str(file.parent / other) if other.lower().endswith(".toml") else other, (*within, file)).items

    folders = (file.parent, exam_data()) if is_own else (exam_data(),)
    return Suite(suite_name(named), items_of(file, folders, builtin(), part))
