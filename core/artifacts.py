"""Folders of files that exist whole or not at all: written aside, hashed, manifest last, renamed into place."""

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


@contextmanager
def new_artifact(target: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; on a clean exit it becomes `target`, else it is removed and nothing is visible.

    Raises ArtifactError when the disk is full or `target` exists.
    """
    if target.exists():
        raise ArtifactError(f"{target} exists already; artifacts are immutable")
    draft = target.parent / f".{target.name}.{uuid4().hex[:8]}.draft"
    try:
        draft.mkdir(parents=True)
        yield draft
        _seal(draft)
        os.replace(draft, target)
    except OSError as error:
        raise ArtifactError(f"Could not write {target}: {error.strerror or error}. Free some disk space and try again") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _seal(folder: Path) -> None:
    files = {str(p.relative_to(folder)): file_sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    write_text_atomically(folder / MANIFEST, json.dumps({"files": files}, indent=1, sort_keys=True))
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def verify_artifact(folder: Path) -> str:
    """Checks every file against the manifest. Returns the artifact's SHA-256 (of the manifest). Raises ArtifactError."""
    try:
        manifest = (folder / MANIFEST).read_bytes()
        for name, digest in json.loads(manifest)["files"].items():
            if file_sha256(folder / name) != digest:
                raise ArtifactError(f"{folder / name} was changed after it was written")
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{folder} is not a whole artifact: {error}") from error
    return hashlib.sha256(manifest).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text_atomically(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with draft.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
