"""Answers for pictures of the target that are laid over each other, as `ferda.selection.mixval` asks."""

from __future__ import annotations

import numpy as np
import torch

from ferda.data.domain import UnlabelledDomain
from ferda.data.loader import evaluation_batches
from ferda.engine.checkpoint import Preprocessing
from ferda.methods.base import Method
from ferda.selection.mixval import SHARE


@torch.inference_mode()
def mixed_answers(
    method: Method,
    domain: UnlabelledDomain,
    pairs: np.ndarray,
    preprocessing: Preprocessing,
    device: torch.device,
    batch: int = 128,
) -> np.ndarray:
    """Return the (k, C) probabilities for mixtures; where landmarks are needed, they are the first face's.

    Args:
        method: Is left in evaluation mode.
        domain: Whose pictures are mixed.
        pairs: (k, 2) positions within the domain, the stronger one first.
        preprocessing: Size and normalisation of the pictures.
        device: Where the method is.
        batch: Mixtures at a time.
    """
    method.eval()
    firsts, seconds = (
        evaluation_batches(domain, preprocessing, rows, batch=batch, device=device) for rows in pairs.T
    )
    found = [np.zeros((0, method.classes), np.float32)]
    for first, second in zip(firsts, seconds, strict=True):
        mixture = SHARE * first.images + (1 - SHARE) * second.images
        found.append(method(mixture, first.landmarks).probabilities.cpu().numpy())
    return np.concatenate(found)
