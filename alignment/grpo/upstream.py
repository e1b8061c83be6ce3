"""TRL's trainer, on a CPU imported without vLLM.

TRL imports all of vLLM where it is installed, though without a GPU we generate with transformers: 3 s and 300 MB more for each training
child, and a warning about vLLM's version, which serving chooses. Replies are then sampled by the model that is trained, in the same process.
"""

import torch
from trl import import_utils


def _no_vllm(min_version: str | None = None) -> bool:
    return False


if not torch.cuda.is_available():
    import_utils.is_vllm_available = _no_vllm

from trl import GRPOConfig, GRPOTrainer  # noqa: E402  # after the lines above

__all__ = ["GRPOConfig", "GRPOTrainer"]
