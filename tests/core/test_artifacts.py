"""An artifact is there whole or not at all: whatever fails on the way, and whatever is done to it afterwards, is seen."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.artifacts import MANIFEST, new_artifact, verify_artifact, write_text_atomically
from core.errors import ArtifactError
from core.settings import ROOT

KILLED = """
import sys, time
from pathlib import Path
from core.artifacts import new_artifact
with new_artifact(Path(sys.argv[1])) as folder:
    (folder / "weights").write_bytes(b"x" * 100_000)
    print("half way", flush=True)
    time.sleep(60)
"""
LIMITED = """
import resource, signal, sys
from pathlib import Path
from core.artifacts import new_artifact
from core.errors import ArtifactError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with new_artifact(Path(sys.argv[1])) as folder:
        (folder / "weights").write_bytes(b"x" * 100_000)
except ArtifactError as error:
    print(error)
"""


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    with new_artifact(tmp_path / "parent" / "made") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "weights").write_bytes(b"w" * 1000)
        (folder / "config.json").write_text("{}")
    return tmp_path / "parent" / "made"


def test_a_finished_artifact_verifies_and_leaves_nothing_else(artifact: Path) -> None:
    assert len(verify_artifact(artifact)) == 64
    assert [p.name for p in artifact.parent.iterdir()] == ["made"]
    assert sorted(json.loads((artifact / MANIFEST).read_text())["files"]) == ["config.json", "inner/weights"]


def test_equal_content_has_an_equal_hash(tmp_path: Path) -> None:
    hashes = set()
    for name in ("a", "b"):
        with new_artifact(tmp_path / name) as folder:
            (folder / "x").write_text("same")
        hashes.add(verify_artifact(tmp_path / name))
    assert len(hashes) == 1


def _change(folder: Path) -> None:
    (folder / "inner" / "weights").write_bytes(b"w" * 999 + b"v")


def _remove(folder: Path) -> None:
    (folder / "config.json").unlink()


def _add(folder: Path) -> None:
    (folder / "inner" / "more").write_text("")


def _manifest(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / MANIFEST).write_text(text)

    return write


@pytest.mark.parametrize(
    "damage",
    [
        _change, _remove, _add, lambda folder: (folder / MANIFEST).unlink(),
        *(_manifest(t) for t in ("", "[]", "{}", "null", '{"files": []}', '{"files": {"../../x": "00"}}', '{"files": null}', "\x00", "[" * 100_000)),
    ],
)  # fmt: skip
def test_damage_is_found(artifact: Path, damage: Callable[[Path], None]) -> None:
    damage(artifact)
    with pytest.raises(ArtifactError):
        verify_artifact(artifact)


def test_what_does_not_exist_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a whole artifact"):
        verify_artifact(tmp_path / "nothing")


def test_an_artifact_is_never_overwritten(artifact: Path) -> None:
    before = verify_artifact(artifact)
    with pytest.raises(ArtifactError, match="immutable"), new_artifact(artifact):
        pass
    assert verify_artifact(artifact) == before


def test_of_two_that_make_the_same_one_the_second_says_so(tmp_path: Path) -> None:
    def make_both() -> None:
        with new_artifact(tmp_path / "a") as late:
            (late / "x").write_text("late")
            with new_artifact(tmp_path / "a") as early:
                (early / "x").write_text("early")

    with pytest.raises(ArtifactError, match="immutable"):
        make_both()
    assert (tmp_path / "a" / "x").read_text() == "early"


def test_a_failure_of_the_body_leaves_nothing_and_rises_as_it_is(tmp_path: Path) -> None:
    def fail() -> None:
        with new_artifact(tmp_path / "a") as folder:
            (folder / "x").write_text("x")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_full_device_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with new_artifact(tmp_path / "a") as folder:
            (folder / "weights").symlink_to("/dev/full")
            (folder / "weights").write_bytes(b"x")

    with pytest.raises(ArtifactError, match=r"No space left on device\. Free some disk space"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "a")], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert "Free some disk space" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_error_is_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught, new_artifact(tmp_path / "a") as folder:
        (folder / "missing" / "x").write_text("x")
    assert "disk space" not in str(caught.value)


def test_a_kill_in_the_middle_leaves_nothing_visible_and_the_next_try_succeeds(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "a")], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half way\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert [p for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    with new_artifact(tmp_path / "a") as folder:
        (folder / "x").write_text("x")
    verify_artifact(tmp_path / "a")


def test_text_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "note"
    write_text_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text_atomically(path, "new" * 100_000 + "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
