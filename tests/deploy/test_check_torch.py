"""The installation stops at a torch that cannot work here, before gigabytes follow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import ROOT


def _check(folder: Path, torch: str, gpu_exit_code: int) -> subprocess.CompletedProcess[str]:
    """Runs the check where `torch` is a module of this text and nvidia-smi answers with this exit code."""
    (folder / "torch.py").write_text(torch)
    driver = folder / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\nexit {gpu_exit_code}\n")
    driver.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run([sys.executable, str(ROOT / "deploy" / "check_torch.py")], capture_output=True, text=True, env=environment)


def _torch(cuda: str | None) -> str:
    return f"class version:\n    cuda = {cuda!r}\n__version__ = '9.9'\n"


@pytest.mark.parametrize(("cuda", "gpu_exit_code", "fits"), [(None, 1, True), (None, 0, True), ("12.8", 0, True), ("12.8", 1, False)])
def test_a_cuda_build_fits_only_where_there_is_a_gpu(tmp_path: Path, cuda: str | None, gpu_exit_code: int, fits: bool) -> None:
    done = _check(tmp_path, _torch(cuda), gpu_exit_code)
    assert (done.returncode == 0) == fits, done.stderr
    assert fits or "CUDA 12.8" in done.stderr


def test_a_torch_that_does_not_import_says_why_in_its_last_line(tmp_path: Path) -> None:
    done = _check(tmp_path, "raise OSError('libcudart.so.12: cannot open shared object file')", 1)
    assert done.returncode != 0
    assert "libcudart" in done.stderr.splitlines()[-1]
