"""`python -m alignment train ROUND_ID | starter ...`: the processes that the product starts for training work.

Each part is imported only when it is asked for.
"""

import os
import sys

_USAGE = "usage: python -m alignment train ROUND_ID | starter build [--out DIR]"


def main(argv: list[str]) -> int:
    """Runs one part and returns its exit code; 2 when no such part was named."""
    # Read by libraries while they are imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    match argv:
        case ["train", round_id]:
            from alignment.grpo.launcher import end_with_launcher

            end_with_launcher()
            from alignment.grpo.run import main as train

            return train(round_id)
        case ["starter", *rest]:
            from alignment.starter.build import main as starter

            return starter(rest)
    print(_USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
