"""Faces that look alike should be answered alike, and the others of a batch otherwise.

Yang et al., "Attracting and dispersing: a simple approach for source-free domain adaptation", NeurIPS 2022.
The probability that two faces are of one class is p_i . p_j; it is raised between neighbours and lowered
within a batch. (The authors' program writes the first as a divergence, which has the same gradient.)
"""

from __future__ import annotations

from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered


class AttractingLoss(nn.Module):
    """`- mean_i sum_k p_i . q_ik`: each face agrees with its neighbours.

    The mean over rows needs no other process's rows (local).
    """

    def forward(self, probabilities: Tensor, neighbours: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            probabilities: (B, C) of the batch.
            neighbours: (B, K, C) of each row's neighbours; no gradient comes from a memory.
        """
        check_shape(neighbours, "B K C", "neighbours", B=len(probabilities), C=probabilities.shape[1])
        return -(probabilities.unsqueeze(1) * neighbours).sum((1, 2)).mean()


class DispersingLoss(nn.Module):
    """`mean_i sum_{m != i} p_i . p_m`: no face agrees with all others of its batch.

    It is a sum over the batch, as in the paper, so a batch of twice the size weighs it twice as much against
    the neighbours. The batch is that of all processes (gathered).
    """

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the scalar loss of (B, C) probabilities; a single row has none."""
        rows = gathered(probabilities)
        # all pairs are the square of the sum, and a row with itself is no pair
        return (rows.sum(0).square().sum() - rows.square().sum()) / len(rows)
