"""What a source says, row by row, before anything is merged. Every row of a file is an entry or is counted among those left out."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from core.artifacts import file_sha256
from core.errors import KnowledgeError
from core.knowledge.graph import Kind
from core.types import Relation


@dataclass(frozen=True, slots=True)
class Term:
    """A concept as one source has it."""

    where: str
    """`file:line`."""
    id: str
    """Empty: the source has names only."""
    label: str
    kind: Kind
    source: str
    synonyms: tuple[str, ...] = ()
    also_ids: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    """Ids, or labels of the same source."""
    prefix: str = ""
    """Makes an id for a term without one; empty: such a term must be known already."""
    is_known_only: bool = False
    """The row adds to a concept and does not make one."""
    group: str = ""
    rows: int = 1
    """How many rows of the file this is."""
    roots: tuple[tuple[str, str], ...] = ()
    """Id and label of parents that have no row of their own."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A fact as one source has it."""

    where: str
    subject: Term
    relation: Relation
    object: Term
    source: str
    line: str = ""
    severity: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A term that its vocabulary has given up; `replaced_by` may say for what."""

    where: str
    id: str
    replaced_by: str = ""


@dataclass(slots=True)
class Source:
    """One file, read."""

    file: str
    publisher: str
    licence: str
    sha256: str
    stage: int
    """Merged in this order: terms, names and cross-references, UMLS, facts."""
    entries: list[Term | Pair | Withdrawn] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that are no entry, by reason."""
    notes: list[str] = field(default_factory=list)
    """What a person should look at, with file and line."""

    @property
    def rows(self) -> int:
        return sum(e.rows if isinstance(e, Term) else 1 for e in self.entries) + self.left_out.total()


TERMS, NAMES, UMLS, FACTS = range(4)


def digest(path: Path) -> str:
    """SHA-256 of the file. Raises KnowledgeError."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}") from error
