"""A stand-in for the training child: counts steps slowly, resumes, and writes an adapter folder at the end. It trains nothing.

How it behaves is written in the file `behaviour.json` of the round's folder: steps, seconds per step, and which mishap at which step.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from core.artifacts import new_artifact


def _stop(_: int, __: FrameType | None) -> None:
    sys.exit(143)


def main() -> None:
    round_id = sys.argv[-1]
    data = Path(os.environ["DATA_DIR"])
    folder = data / "rounds" / round_id
    behaviour = {"steps": 4, "seconds": 0.05, **(json.loads((folder / "behaviour.json").read_text()) if (folder / "behaviour.json").exists() else {})}
    with (folder / "lives.txt").open("a") as lives:
        lives.write(f"{os.getpid()}\n")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour.get("deaf") else _stop)
    done = folder / "steps.txt"
    start = len(done.read_text().splitlines()) if done.exists() else 0
    for step in range(start, behaviour["steps"]):
        mishap, mark = behaviour.get("mishap"), folder / "mishap.done"
        if mishap and step == behaviour.get("at", 1) and (behaviour.get("always") or not mark.exists()):
            mark.touch()
            print(f"about to {mishap} at step {step}", flush=True)
            if mishap == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            sys.exit(int(mishap))
        time.sleep(behaviour["seconds"])
        with done.open("a") as stream:
            stream.write(f"{step}\n")
    target = data / "checkpoints" / f"cp-{round_id.removeprefix('round-')}"
    if not target.exists():
        with new_artifact(target) as draft:
            (draft / "adapter_config.json").write_text("{}")


if __name__ == "__main__":
    main()
