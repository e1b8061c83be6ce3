"""Importing the public files, and loading the merged graph from its stored form in a fresh process, beside the built-in base."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.rows import Row
from tests.conftest import SHARED

_LOAD = """
import json, sys, time
begin = time.perf_counter()
from core.collector import collector_paused
from core.knowledge import Knowledge, versions
from core.knowledge.base_loader import load_base
imported = time.perf_counter()
name = versions.current()
graph = load_base() if name == versions.BUILTIN else versions.load(name)
loaded = time.perf_counter()
def peak(): # not ru_maxrss, which a child takes over from the process that forked it
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
mb = peak()
with collector_paused():
    Knowledge.of(graph)
linked = time.perf_counter()
print(json.dumps({"imports": imported - begin, "load": loaded - imported, "mb": mb, "linker": linked - loaded, "concepts": len(graph.concepts),
    "facts": len(graph.facts), "all_mb": peak()}))
"""
_TRIES = 3
"""The best of three: what a busy neighbour adds is not ours."""


def rows() -> Iterator[Row]:
    if not SHARED.is_dir():
        yield Row("knowledge", "import of the public files", float("nan"), "s", note="the public data sets are not beside the checkout")
        return
    with tempfile.TemporaryDirectory() as folder:
        base = _loaded(folder)
        began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        code = "import sys; sys.argv[0] = 'balancedbio'; from app.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, "knowledge", "import", str(SHARED)], env=_env(folder), check=True, capture_output=True)
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
        merged = _loaded(folder)
        size = next(Path(folder).glob("knowledge/*/graph.json")).stat().st_size / 1e6
    what = f"{merged['concepts']:,} concepts, {merged['facts']:,} facts, {size:.1f} MB on disk"
    yield Row("knowledge", "import of the public files, the whole command", seconds, "CPU s", note=what)
    yield Row(
        "knowledge", "load of the merged graph, fresh process", merged["load"], "s", "< 1", merged["load"] < 1, f"imports of modules {merged['imports']:.2f} s"
    )
    yield Row("knowledge", "its memory (resident, with Python)", merged["mb"], "MB", "< 300", merged["mb"] < 300)
    yield Row("knowledge", "linker over it", merged["linker"], "s", note=f"{merged['all_mb']:.0f} MB in all")
    yield Row("knowledge", "load of the built-in base, fresh process", base["load"], "s", note=f"{base['concepts']:,} concepts, {base['mb']:.0f} MB")


def _loaded(folder: str) -> dict[str, float]:
    tries = [subprocess.run([sys.executable, "-c", _LOAD], env=_env(folder), check=True, capture_output=True, text=True).stdout for _ in range(_TRIES)]
    return min((json.loads(t) for t in tries), key=lambda found: found["load"])


def _env(folder: str) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": folder, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
