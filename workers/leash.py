"""`python -m workers.leash PARENT COMMAND ...`: becomes COMMAND, which the kernel kills when the worker PARENT dies.

The kernel keeps this promise across exec, so the wish is made here, in a fresh process, and not between fork and exec of a worker that
has threads. It imports nothing of ours: it is in the way of every start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the worker died before its child began")
    os.environ["TRAINING_LAUNCHER"] = str(os.getpid())  # should COMMAND be a launcher: its processes look whether it is still there
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
