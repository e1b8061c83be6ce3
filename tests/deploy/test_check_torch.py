"""The installation stops at a torch that cannot work here, before gigabytes follow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import ROOT


def _check(folder: Path, torch: str) -> subprocess.CompletedProcess[str]:
    """Runs the check where `torch` is a module of this text."""
    (folder / "torch.py").write_text(torch)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, str(ROOT / "deploy" / "check_torch.py")], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(("cuda", "has_gpu", "fits"), [(None, False, True), ("12.8", True, True), ("12.8", False, False)])
def test_a_cuda_build_fits_only_where_there_is_a_gpu(tmp_path: Path, cuda: str | None, has_gpu: bool, fits: bool) -> None:
    module = f"class version:\n    cuda = {cuda!r}\nclass cuda:\n    is_available = staticmethod(lambda: {has_gpu})\n__version__ = '9.9'\n"
    done = _check(tmp_path, module)
    assert (done.returncode == 0) == fits, done.stderr
    assert fits or done.stderr.endswith("built for CUDA 12.8, and there is no GPU here\n")


def test_a_torch_that_does_not_import_says_why_in_its_last_line(tmp_path: Path) -> None:
    done = _check(tmp_path, "raise OSError('libcudart.so.12: cannot open shared object file')")
    assert done.returncode != 0
    assert "libcudart" in done.stderr.splitlines()[-1]
