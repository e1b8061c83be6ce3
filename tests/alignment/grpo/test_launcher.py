"""A process of an `accelerate launch` ends with its launcher, however early that dies."""

import os
import subprocess
import sys

import psutil

from core.settings import ROOT

_LAUNCHED = {"LOCAL_RANK": "0", "PYTHONPATH": str(ROOT)}
_TIED = "import time; from alignment.grpo.launcher import end_with_launcher; end_with_launcher(); print('tied', flush=True); time.sleep(600)"
_LAUNCHER = f"""
import os, subprocess, sys, time
os.environ["TRAINING_LAUNCHER"] = str(os.getpid())
print(subprocess.Popen([sys.executable, "-c", {_TIED!r}], start_new_session=True).pid, flush=True)
time.sleep(600)
"""
_BEGUN = """
import sys
from alignment.__main__ import main
try:
    main(["train", "round-x"])
except SystemExit as end:
    print(end, "torch" in sys.modules)
"""


def test_a_launched_process_dies_with_its_launcher() -> None:
    launcher = subprocess.Popen([sys.executable, "-c", _LAUNCHER], env=os.environ | _LAUNCHED, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    said = [launcher.stdout.readline().strip() for _ in range(2)]
    child = psutil.Process(next(int(line) for line in said if line != "tied"))
    launcher.kill()
    launcher.communicate()
    try:
        child.wait(10)
    finally:
        if child.is_running():
            child.kill()


def test_one_whose_launcher_died_before_it_began_ends_before_anything_heavy_is_imported() -> None:
    gone = subprocess.run(
        [sys.executable, "-c", _BEGUN], env=os.environ | _LAUNCHED | {"TRAINING_LAUNCHER": "1"}, capture_output=True, text=True, check=True, timeout=60
    )
    assert gone.stdout.strip() == "the launcher died before its process began False"
