"""Imported knowledge on disk: a folder for each version, whole or not there, and a file that names the one in use.

The stored form is JSON, one array for each concept and fact, in their order. Measured on the graph of the public files (19,000 concepts,
25,000 facts): see `tests/benchmarks/bench_knowledge.py`; docs/decisions/0010-knowledge-import.md says what else was measured.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.artifacts import new_artifact, verify_artifact, write_text_atomically
from core.collector import collector_paused
from core.errors import ArtifactError, Conflict, NotFound
from core.knowledge.graph import Concept, Dose, Fact, Graph, Kind
from core.knowledge.report import Report
from core.settings import data_dir
from core.types import Relation, Value

BUILTIN = "builtin"
_CURRENT, _LOCK = "current", ".lock"
_GRAPH, _ABOUT, _REPORT, _MARKDOWN = "graph.json", "about.json", "report.json", "report.md"


class Version(Value):
    """What is known of a stored version without loading it."""

    name: str
    made_at: datetime
    before: str
    """The version that it was merged into."""
    builtin: str
    """The built-in base that it holds. Another one now: import again, fresh, to have what the product has learnt since."""
    sources: tuple[str, ...]
    concepts: int
    facts: int


def home() -> Path:
    return data_dir() / "knowledge"


def current() -> str:
    """The version in use; `builtin` when nothing was imported. Read from its file each time (20 microseconds), so an import is seen at once."""
    try:
        return (home() / _CURRENT).read_text(encoding="utf-8", errors="replace").strip() or BUILTIN
    except FileNotFoundError:
        return BUILTIN
    except OSError as error:
        raise ArtifactError(f"{home() / _CURRENT} cannot be read: {error.strerror}") from error


def use(name: str, instead_of: str = "") -> None:
    """From now on, in every process. Raises NotFound, ArtifactError when the version is damaged, and Conflict when `instead_of` is given and
    is no longer in use: what another import has brought meanwhile would be lost.
    """
    if name != BUILTIN:
        verify_artifact(_folder(name))
    with _alone():
        if instead_of and (now := current()) != instead_of:
            raise Conflict(f"Version {now} came into use meanwhile; import again to add to it")
        write_text_atomically(home() / _CURRENT, f"{name}\n")


def save(graph: Graph, report: Report) -> bool:
    """Stores the version; False when it is there already. Killed at any moment, it is there whole or not at all. One that is there but
    damaged, or of a form that this product no longer reads, is written anew.

    Raises ArtifactError when it cannot be written.
    """
    folder = home() / graph.version
    with _alone():
        for draft in home().glob(".*.draft"):  # of an import that was killed; nobody else writes while we hold the lock
            shutil.rmtree(draft, ignore_errors=True)
        if folder.exists():
            try:
                load(graph.version)
            except (ArtifactError, NotFound):
                shutil.rmtree(folder)
            else:
                return False
        with new_artifact(folder) as draft:
            _write(draft / _GRAPH, graph)
            about = Version(
                name=graph.version,
                made_at=datetime.now(UTC),
                before=report.before,
                builtin=report.builtin,
                sources=tuple(s.file for s in report.sources),
                concepts=len(graph.concepts),
                facts=len(graph.facts),
            )
            (draft / _ABOUT).write_text(about.model_dump_json(indent=1), encoding="utf-8")
            (draft / _REPORT).write_text(report.model_dump_json(indent=1), encoding="utf-8")
            (draft / _MARKDOWN).write_text(report.markdown(), encoding="utf-8")
    return True


def versions() -> tuple[Version, ...]:
    """The newest first."""
    found = [_about(folder) for folder in home().glob("[0-9a-f]*") if (folder / _ABOUT).is_file()] if home().is_dir() else []
    return tuple(sorted(found, key=lambda v: v.made_at, reverse=True))


def version(name: str) -> Version:
    """Raises NotFound naming what there is."""
    return _about(_folder(name))


def report_path(name: str) -> Path:
    return _folder(name) / _MARKDOWN


def load(name: str) -> Graph:
    """Raises NotFound, or ArtifactError when the version is damaged."""
    folder = _folder(name)
    verify_artifact(folder)
    try:
        with collector_paused():
            stored = json.loads((folder / _GRAPH).read_bytes())
            return Graph(_concepts(stored["concepts"]), _facts(stored["facts"]), version=name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"Knowledge version {name} cannot be read by this version of the product ({error}); import its sources again") from error


def _write(path: Path, graph: Graph) -> None:
    def lines(items: Iterator[list[Any]]) -> str:
        return ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)

    concepts = lines([c.id, c.label, c.kind.value, c.source, c.group, c.allergy, c.synonyms, c.also_ids, c.xrefs, c.unlinked] for c in graph.concepts.values())
    facts = lines([f.subject, f.relation.value, f.object, f.source, f.row, f.line, f.severity, f.detail, _amounts(f.dose), f.also] for f in graph.facts)
    path.write_text(f'{{"concepts": [\n{concepts}\n],\n"facts": [\n{facts}\n]}}\n', encoding="utf-8")


def _amounts(dose: Dose | None) -> list[Any] | None:
    return [dose.low, dose.high, dose.unit, dose.interval, dose.route, dose.indication, dose.max_per_day] if dose else None


def _concepts(rows: list[list[Any]]) -> Iterator[Concept]:
    kinds = {k.value: k for k in Kind}
    for identifier, label, kind, source, group, allergy, synonyms, also_ids, xrefs, unlinked in rows:
        yield Concept(identifier, label, kinds[kind], tuple(synonyms), source, group, allergy, tuple(also_ids), tuple(xrefs), tuple(unlinked))


def _facts(rows: list[list[Any]]) -> Iterator[Fact]:
    relations = {r.value: r for r in Relation}
    for subject, relation, object_, source, row, line, severity, detail, dose, also in rows:
        yield Fact(subject, relations[relation], object_, source, row, line, severity, detail, Dose(*dose) if dose else None, tuple(also))


def _folder(name: str) -> Path:
    folder = home() / name
    if not name or name != folder.name or name.startswith(".") or not (folder / _ABOUT).is_file():
        known = ", ".join(v.name for v in versions()) or "none was imported"
        raise NotFound(f"There is no knowledge version {name!r}; there are {BUILTIN} and imported ones: {known}")
    return folder


def _about(folder: Path) -> Version:
    try:
        return Version.model_validate_json((folder / _ABOUT).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{folder} is not a knowledge version: {error}") from error


@contextmanager
def _alone() -> Iterator[None]:
    """One import at a time; waits for the other."""
    try:
        home().mkdir(parents=True, exist_ok=True)
        with (home() / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise ArtifactError(f"Could not write in {home()}: {error.strerror or error}") from error
