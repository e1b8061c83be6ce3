"""Stored versions: what is written is what is read, all or nothing, and seen at once by whoever asks."""

import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import ArtifactError, Conflict, NotFound
from core.knowledge import builtin, knowledge, versions
from core.knowledge.difference import difference
from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.merge import Merged, merge
from tests.core.knowledge.sources import OBO, imported

pytestmark = pytest.mark.usefixtures("test_settings")


@pytest.fixture
def merged(tmp_path: Path) -> Merged:
    return imported(tmp_path, {"made.obo": OBO})


def test_what_is_loaded_is_what_was_saved(merged: Merged) -> None:
    assert versions.save(merged.graph, merged.report)
    loaded = versions.load(merged.graph.version)
    assert tuple(loaded.concepts.values()) == tuple(merged.graph.concepts.values())
    assert loaded.facts == merged.graph.facts
    assert loaded.version == merged.graph.version


def test_the_base_with_its_doses_is_stored_whole() -> None:
    base = builtin()
    merged = merge((), base.graph, base)
    versions.save(merged.graph, merged.report)
    assert difference(base.graph, versions.load(merged.graph.version)).is_empty


def test_an_import_is_seen_at_once_and_can_be_taken_back(merged: Merged) -> None:
    assert knowledge() is builtin()
    versions.save(merged.graph, merged.report)
    assert knowledge() is builtin(), "saved, not yet in use"
    versions.use(merged.graph.version)
    assert knowledge().graph.version == merged.graph.version
    assert [c.id for m in knowledge().linker.mentions("a gland disease") for c in m.concepts] == ["DOID:9000002"]
    assert knowledge() is knowledge()
    versions.use(versions.BUILTIN)
    assert knowledge() is builtin()


def test_what_another_import_has_brought_meanwhile_is_not_lost(merged: Merged) -> None:
    versions.save(merged.graph, merged.report)
    versions.use(merged.graph.version, instead_of=versions.BUILTIN)
    with pytest.raises(Conflict, match=merged.graph.version):
        versions.use(versions.BUILTIN, instead_of=versions.BUILTIN)
    assert versions.current() == merged.graph.version


def test_the_same_import_twice_is_one_version(merged: Merged) -> None:
    assert versions.save(merged.graph, merged.report)
    assert not versions.save(merged.graph, merged.report)
    (version,) = versions.versions()
    assert (version.name, version.before, version.sources) == (merged.graph.version, merged.report.before, ("made.obo",))


def test_a_damaged_version_is_refused_by_name(merged: Merged) -> None:
    versions.save(merged.graph, merged.report)
    versions.use(merged.graph.version)
    path = versions.home() / merged.graph.version / "graph.json"
    path.write_bytes(path.read_bytes()[:-100])
    for use in (lambda: versions.load(merged.graph.version), knowledge, lambda: versions.use(merged.graph.version)):
        with pytest.raises(ArtifactError, match=r"graph\.json was changed"):
            use()


@pytest.mark.parametrize("file", ["graph.json", "about.json"])
def test_importing_again_mends_a_damaged_version(merged: Merged, file: str) -> None:
    versions.save(merged.graph, merged.report)
    (versions.home() / merged.graph.version / file).write_text("{", encoding="utf-8")
    assert versions.save(merged.graph, merged.report)
    assert versions.load(merged.graph.version).facts == merged.graph.facts


def test_a_version_in_use_that_is_gone_is_no_mistake_of_who_asks(merged: Merged) -> None:
    versions.save(merged.graph, merged.report)
    versions.use(merged.graph.version)
    shutil.rmtree(versions.home() / merged.graph.version)
    with pytest.raises(ArtifactError, match="version in use is missing"):
        knowledge()


@pytest.mark.parametrize("name", ["nope", "", "..", "../knowledge", ".lock"])
def test_an_unknown_version_is_refused(merged: Merged, name: str) -> None:
    versions.save(merged.graph, merged.report)
    with pytest.raises(NotFound, match=merged.graph.version):
        versions.load(name)


def test_what_a_killed_import_left_is_swept_up(merged: Merged) -> None:
    left = versions.home() / f".{'a' * 16}.00000000.draft"
    left.mkdir(parents=True)
    versions.save(merged.graph, merged.report)
    assert not left.exists()


def test_killed_at_any_moment_an_import_leaves_a_whole_version_or_none(merged: Merged, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child dies at its first write to the disk, the next one at its second, and so on until one comes through."""
    outcomes = []
    for fatal in itertools.count():
        shutil.rmtree(versions.home(), ignore_errors=True)
        child = os.fork()
        if child == 0:
            countdown = itertools.count()
            for name in ("fsync", "replace"):
                monkeypatch.setattr(os, name, _or_die(getattr(os, name), countdown, fatal))
            versions.save(merged.graph, merged.report)
            versions.use(merged.graph.version)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        for version in versions.versions():
            assert versions.load(version.name).facts == merged.graph.facts
        assert versions.current() == versions.BUILTIN or versions.load(versions.current()).facts == merged.graph.facts
        outcomes.append((len(versions.versions()), versions.current() != versions.BUILTIN))
        if status == 0:
            break
    assert outcomes[0] == (0, False)
    assert outcomes[-1] == (1, True)
    assert outcomes == sorted(outcomes)


def _or_die(call: Callable[..., None], countdown: Iterator[int], fatal: int) -> Callable[..., None]:
    def wrapped(*args: object) -> None:
        if next(countdown) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        call(*args)

    return wrapped


def test_a_graph_that_cannot_be_written_leaves_nothing(merged: Merged, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(versions, "_write", full)
    with pytest.raises(ArtifactError, match="No space left"):
        versions.save(merged.graph, merged.report)
    assert versions.versions() == ()
    assert not list(versions.home().glob("*draft*"))


def test_another_concept_is_another_version() -> None:
    one = Graph([Concept("A:1", "a", Kind.SYMPTOM, (), "s")], [])
    other = Graph([Concept("A:1", "a", Kind.SYMPTOM, (), "s", unlinked=("a",))], [])
    assert one.version != other.version
