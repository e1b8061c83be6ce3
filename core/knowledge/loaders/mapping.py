"""The declared mapping of a TSV or OBO file: a TOML file that says which column is what. Nothing about a file is guessed.

Ours are in `sources/`; a hospital puts its own beside its file, with the same name (`formulary.tsv`, `formulary.toml`).
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError, model_validator

from core.errors import KnowledgeError
from core.knowledge.graph import Kind
from core.types import Relation, Value

M = TypeVar("M", bound=Value)
SOURCES = Path(__file__).parent / "sources"


class ConceptColumns(Value):
    """Which columns describe a concept."""

    kind: Kind
    label: str
    id: str = ""
    prefix: str = ""
    """For a table without an id column: new concepts get the id `prefix:label`. Without it a name that nobody knows is left out and named."""
    synonyms: str = ""
    xrefs: str = ""
    parent: str = ""
    """Id, or label of another row of the file."""
    group: str = ""
    """Drugs: the class; it becomes a concept that the drug is a kind of."""
    separator: str = "|"
    """Between several values in one cell of synonyms, xrefs and parent."""
    is_repeated: bool = False
    """The table has a row for each synonym, cross-reference or parent, so that an id may stand in several rows."""
    is_known_only: bool = False
    """Rows add to concepts that other files make; a row about an unknown one is left out and named."""
    is_lowered: bool = False
    """Labels are in capitals and are written small."""
    except_ids: tuple[str, ...] = ()
    """Terms of the table that are not of this kind; their rows are left out."""
    roots: dict[str, str] = Field(default_factory=dict)
    """Label to id of parents that have no row of their own."""


class FactColumns(Value):
    relation: Relation
    line: str = ""
    severity: str = ""
    detail: str = ""
    values: dict[str, str] = Field(default_factory=dict)
    """What the source writes to what we write ("Significant" to "significant"), for line and severity."""

    @model_validator(mode="after")
    def _is_whole(self) -> "FactColumns":
        if self.relation is Relation.DOSE:
            raise ValueError("doses cannot be imported; they need a pharmacist's review in core/knowledge/base/dose.tsv")
        if self.relation is Relation.INTERACTS_WITH and not self.severity:
            raise ValueError("interacts_with needs a severity column")
        if self.relation is Relation.RED_FLAG and not self.detail:
            raise ValueError("red_flag needs a detail column: what to do")
        return self


class TsvMapping(Value):
    publisher: str = Field(min_length=1)
    """Stands as the source of every concept and fact."""
    licence: str = ""
    columns: tuple[str, ...] = Field(min_length=1)
    """The header. A file is recognised by it."""
    concept: ConceptColumns
    """What a row is about; the subject of its fact."""
    object: ConceptColumns | None = None
    fact: FactColumns | None = None
    has_unordered_ids: bool = False
    """The two id columns hold the ids of the two labels, but not in their order (NDF-RT as published)."""

    @model_validator(mode="after")
    def _fits(self) -> "TsvMapping":
        if (self.object is None) != (self.fact is None):
            raise ValueError("[object] and [fact] belong together")
        for part in filter(None, (self.concept, self.object)):
            named = (part.label, part.id, part.synonyms, part.xrefs, part.parent, part.group)
            if unknown := [c for c in named if c and c not in self.columns]:
                raise ValueError(f"{unknown[0]!r} is not among the columns")
            if not part.id and not part.prefix and not part.is_known_only:
                raise ValueError("a concept needs an id column, a prefix for its ids, or is_known_only")
        for column in (self.fact.line, self.fact.severity, self.fact.detail) if self.fact else ():
            if column and column not in self.columns:
                raise ValueError(f"{column!r} is not among the columns")
        return self


class OboMapping(Value):
    publisher: str = Field(min_length=1)
    licence: str = ""
    prefix: str
    """Of the ids: `DOID`."""
    kind: Kind
    except_below: tuple[str, ...] = ()
    """Terms that are not of this kind, with everything below them; left out."""


class RrfMapping(Value):
    publisher: str = Field(min_length=1)
    licence: str = ""
    prefix: str
    """Our ids are `prefix:CUI`."""
    vocabularies: tuple[str, ...] = ()
    """SAB values whose names are used. Empty: all."""
    names: tuple[str, ...] = ()
    """TTY values whose strings are names of a concept. Empty: all."""
    semantic_types: dict[str, Kind] = Field(default_factory=dict)
    """TUI to kind; a concept without one of these is left out. Empty: every concept is `kind`."""
    kind: Kind | None = None
    code_prefixes: dict[str, str] = Field(default_factory=dict)
    """SAB to the prefix under which its CODE is an identifier of the concept; "" takes the code as it is."""
    relations: dict[str, Relation] = Field(default_factory=dict)
    """RELA to relation, read from the second concept to the first, as NLM defines it."""
    brands: str = ""
    """RELA from a brand name to its ingredient: the brand becomes a synonym when it has one ingredient only."""


@lru_cache(maxsize=1)
def shipped_tsv() -> tuple[TsvMapping, ...]:
    return tuple(load(path, TsvMapping) for path in sorted((SOURCES / "tsv").glob("*.toml")))


@lru_cache(maxsize=1)
def shipped_obo() -> tuple[OboMapping, ...]:
    return tuple(load(path, OboMapping) for path in sorted((SOURCES / "obo").glob("*.toml")))


def load(path: Path, kind: type[M]) -> M:
    """Raises KnowledgeError naming file and field."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KnowledgeError(f"{path.name} cannot be read as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise KnowledgeError(f"{path.name}: {f'{field}: ' if field else ''}{first['msg'].removeprefix('Value error, ')}") from None
