"""Gradients that are kept apart: lists of tensors, one for each trained parameter, and their inner products in double precision."""

from collections.abc import Sequence

import numpy as np
import torch

from alignment.arrays import Floats

Gradient = Sequence[torch.Tensor]


def gram(gradients_K: Sequence[Gradient]) -> Floats:
    """Inner products (K, K), one parameter at a time so that nothing of all gradients' size is copied."""
    gram_KK = np.zeros((len(gradients_K), len(gradients_K)))
    for same_parameter in zip(*gradients_K, strict=True):
        stacked = torch.stack([g.detach().double().flatten() for g in same_parameter])
        gram_KK += (stacked @ stacked.T).cpu().numpy()
    return gram_KK


def weighted_sum(gradients_K: Sequence[Gradient], coefficients_K: Floats) -> list[torch.Tensor]:
    return [torch.stack([g * float(c) for g, c in zip(same, coefficients_K, strict=True)]).sum(dim=0) for same in zip(*gradients_K, strict=True)]


def along(step: Gradient, gradients_K: Sequence[Gradient]) -> Floats:
    """Cosine (K,) between a step and each gradient: below 0 the step opposes it. NaN where either has length 0."""
    inner = gram([step, *gradients_K])
    lengths = np.sqrt(np.where(np.diag(inner) > 0.0, np.diag(inner), np.nan))
    return np.asarray(inner[0, 1:] / lengths[0] / lengths[1:])
