"""Batch nuclear norm: predictions of a batch shall be sure, and of many classes.

Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization under label insufficient
situations", CVPR 2020. The Frobenius norm of a batch's predictions is large where each is certain, their rank
where all classes are among them; the nuclear norm is bound to both.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32

NuclearMean = Literal["rows", "singular_values"]


class NuclearNormLoss(nn.Module):
    """`L = -||P||_* / B` with P = softmax(z) of the whole batch, `||P||_*` the sum of its singular values.

    It is least, `-sqrt(C / B)` where C divides B, if every row is certain and every class has equally many
    rows. A single row has the length of its probabilities. Statistics of a batch, over all processes
    (gathered).

    Args:
        mean: `rows` divides by B, as the paper; `singular_values` by min(B, C), as the code that the authors
            released: with seven classes a loss several times as strong.
    """

    def __init__(self, mean: NuclearMean = "rows") -> None:
        super().__init__()
        if mean not in get_args(NuclearMean):
            raise ValueError(f"mean is one of {', '.join(get_args(NuclearMean))}, got {mean}")
        self.mean = mean

    def forward(self, logits: Tensor) -> Tensor:
        """Return the scalar loss of the target's (B, C) logits."""
        check_shape(logits, "B C", "logits")
        probabilities = gathered(at_least_float32(logits).softmax(1))
        values = torch.linalg.svdvals(probabilities)
        return -values.sum() / len(values if self.mean == "singular_values" else probabilities)
