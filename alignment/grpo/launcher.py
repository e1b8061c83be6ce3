"""Ties a process of an `accelerate launch` to its launcher. Apart from all else, because it must come before imports that take seconds."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LAUNCHER = "TRAINING_LAUNCHER"
"""`workers.leash` puts the number of the process there that becomes the launcher. Who launches by hand need not."""


def end_with_launcher() -> None:
    """The kernel kills this process when the launcher dies: torch starts each in a session of its own, where the signal that ends the worker's
    child does not reach it. One whose launcher is gone already exits.
    """
    if not {"LOCAL_RANK", "ACCELERATE_MIXED_PRECISION"} & os.environ.keys() or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    launcher = os.environ.get(_LAUNCHER)
    if launcher and os.getppid() != int(launcher):
        sys.exit("the launcher died before its process began")
