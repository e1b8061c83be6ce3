"""Folders of files that exist whole or not at all: written aside, hashed, manifest last, renamed into place."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from core.errors import ArtifactError

MANIFEST = "manifest.json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def new_artifact(target: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; on a clean exit it becomes `target`, else it is removed and nothing is visible.

    Raises ArtifactError when the disk is full or `target` exists.
    """
    if target.exists():
        raise ArtifactError(f"{target} exists already; artifacts are immutable")
    draft = target.parent / f".{target.name}.{uuid4().hex[:8]}.draft"
    try:
        with _failures_named(target):
            draft.mkdir(parents=True)
            yield draft
            _publish(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def resumed_artifact(target: Path) -> Iterator[Path]:
    """Like `new_artifact`, but after a failure or a kill the folder stays aside, and the next try is given it as it was left.

    What is written in it must be whole at any moment (`write_atomically`). Raises ArtifactError when `target` exists, when the disk is full,
    or when another process is at it.
    """
    if target.exists():
        raise ArtifactError(f"{target} exists already; artifacts are immutable")
    draft = unfinished(target)
    with _failures_named(target):
        draft.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArtifactError(f"Another process is writing {target}; wait for it, or choose another folder") from None
            if target.exists():  # the other process has just finished it
                raise ArtifactError(f"{target} exists already; artifacts are immutable")
            yield draft
            _publish(draft, target)
        finally:
            os.close(descriptor)


def unfinished(target: Path) -> Path:
    """Where `resumed_artifact` keeps what is not whole yet."""
    return target.parent / f".{target.name}.unfinished"


@contextmanager
def _failures_named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR} and target.exists():
            raise ArtifactError(f"{target} exists already; artifacts are immutable") from error
        advice = ". Free some disk space and try again" if error.errno in _FULL else ""
        raise ArtifactError(f"Could not write {target}: {error.strerror or error}{advice}") from error


def _publish(draft: Path, target: Path) -> None:
    _seal(draft)
    os.replace(draft, target)
    _sync(target.parent)


def _seal(folder: Path) -> None:
    write_text_atomically(folder / MANIFEST, json.dumps({"files": _digests(folder)}, indent=1, sort_keys=True))
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the manifest, by its path inside the folder."""
    return {p.relative_to(folder).as_posix(): file_sha256(p) for p in sorted(folder.rglob("*")) if p.is_file() and p != folder / MANIFEST}


def _sync(path: Path) -> None:
    """Makes a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def verify_artifact(folder: Path) -> str:
    """Checks every file against the manifest. Returns the artifact's SHA-256 (of the manifest). Raises ArtifactError."""
    try:
        manifest = (folder / MANIFEST).read_bytes()
        expected = json.loads(manifest)["files"]
        found = _digests(folder)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{folder} is not a whole artifact: {error}") from error
    if not isinstance(expected, dict):
        raise ArtifactError(f"{folder} is not a whole artifact: its manifest lists no files")
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise ArtifactError(f"{folder / name} is missing")
        if expected.get(name) != found[name]:
            raise ArtifactError(f"{folder / name} was {'changed' if name in expected else 'added'} after the artifact was written")
    return hashlib.sha256(manifest).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text_atomically(path: Path, text: str) -> None:
    """The file holds the whole new text or is as it was before. Raises OSError."""
    write_atomically(path, text.encode())


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """The file holds the whole new content or is as it was before. Raises OSError."""
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
