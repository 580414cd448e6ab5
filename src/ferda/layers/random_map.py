"""Random multilinear map: the outer product of two vectors, approximated in as many numbers as you like.

CDAN conditions its critic on probabilities times features, which is long for 2,048 features and many classes.
The product of two random projections has the same inner products on average (Long et al., "Conditional
adversarial domain adaptation", NeurIPS 2018, eq. 6). The matrices are buffers: they are saved with the
weights and never learn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RandomMultilinearMap(nn.Module):
    """`(R_f f) * (R_p p) / sqrt(width)` with fixed standard normal matrices.

    Args:
        features: Length `D` of f.
        classes: Length `C` of p.
        width: Length of the result.
    """

    feature_matrix: Tensor
    class_matrix: Tensor

    def __init__(self, features: int, classes: int, width: int = 1024) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("feature_matrix", torch.randn(features, width))
        self.register_buffer("class_matrix", torch.randn(classes, width))

    def forward(self, probabilities: Tensor, features: Tensor) -> Tensor:
        """Return (B, width).

        Args:
            probabilities: (B, C).
            features: (B, D).
        """
        projected = (features @ self.feature_matrix.to(features)) * (
            probabilities @ self.class_matrix.to(probabilities)
        )
        return projected / self.width**0.5
