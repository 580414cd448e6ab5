"""How much several heads disagree on the same rows: MFSAN's classifier alignment.

Zhu et al., "Aligning domain-specific distribution and classifier for cross-domain classification from
multiple sources" (MFSAN), AAAI 2019. Heads that learnt from different sources shall say the same of the
target, near their boundaries too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32


class HeadDiscrepancyLoss(nn.Module):
    """`L = mean over pairs (j, k) of heads of mean_i mean_c |p_j,ic - p_k,ic|` with p = softmax(z).

    Over all pairs it is MFSAN's eq. 6; with a head named, over the pairs with that head. A single head has
    no pairs: 0. A mean over rows needs no other process's rows (local).
    """

    def forward(self, logits: Tensor, head: int | None = None) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (S, B, C), of every head.
            head: Number of the head whose pairs count; None counts all.
        """
        check_shape(logits, "S B C", "logits")
        heads = len(logits)
        if heads == 1:
            return logits.new_zeros((), dtype=torch.promote_types(logits.dtype, torch.float32))
        probabilities = at_least_float32(logits).softmax(2)
        if head is not None:
            return (probabilities - probabilities[head]).abs().mean((1, 2)).sum() / (heads - 1)
        between = (probabilities.unsqueeze(0) - probabilities.unsqueeze(1)).abs().mean((2, 3))
        return between.sum() / (heads * (heads - 1))
