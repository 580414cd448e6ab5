"""Diversity: branches of one network are paid for looking at different things.

Heidari and Iosifidis, "Learning diversified feature representations for facial expression recognition in the
wild", arXiv 2210.09381. K branches (or patches of a face) each give a row of D numbers for every picture: an
attention map, channel weights, pooled features. A Gaussian kernel says how alike two branches are, the
determinant of all these numbers how much of the space the branches fill together:

    s_ij = 1/B sum_n exp(-gamma ||x_in - x_jn||^2),     L = -det S,

which is -1 for entirely different branches and 0 as soon as two are the same.

The authors' code leaves the diagonal of S at zero. The determinant of nearly equal similarities then changes
sign with the number of branches, and for every odd K, their nine included, the loss makes alike branches
*more* alike; form `det_zero_diag` gives their numbers. Their squared distance is a sum over D: for rows of
512 numbers so large that s and every gradient vanish. `distance="mean"` divides by D, and
`report_similarity` warns of terms that do nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32

Form = Literal["det", "logdet", "direct", "det_zero_diag"]
Distance = Literal["sum", "mean"]

#: Mean similarity below which a term has no gradient to speak of.
INERT = 1e-6


def branch_similarity(branches: Tensor, gamma: float = 10.0, distance: Distance = "sum") -> Tensor:
    """Return S, (K, K) float64 with ones on its diagonal; of one batch, over all processes (gathered).

    Args:
        branches: (K, B, *), everything after the second axis being the D numbers of a row.
        gamma: How fast similarity falls with the squared distance.
        distance: Whether the squared distance is summed over D, as in the authors' code, or averaged.
    """
    check_shape(branches, "K B *", "branches")
    # Apple's graphics processors have no float64
    rows = branches.flatten(2).to(torch.float32 if branches.device.type == "mps" else torch.float64)
    count = len(rows)
    first, second = torch.triu_indices(count, count, offset=1, device=rows.device)
    squared = (rows[first] - rows[second]).square()
    apart = squared.sum(2) if distance == "sum" else squared.mean(2)
    # gathered as numbers per pair and row, which are few, not as the features that they come from
    pairs = gathered(torch.exp(-gamma * apart).T).mean(0)
    upper = pairs.new_zeros(count, count).index_put((first, second), pairs)
    return upper + upper.T + torch.eye(count, dtype=pairs.dtype, device=pairs.device)


def mean_similarity(similarity: Tensor) -> Tensor:
    """Return the mean of S off its diagonal.

    Args:
        similarity: (K, K) with ones on the diagonal, K at least 2.
    """
    count = len(similarity)
    return 2 * similarity.triu(1).sum() / (count * (count - 1))


class DiversityLoss(nn.Module):
    """Price of similar branches, in one of four forms.

        det            -det S
        logdet         -log det (S + 1e-6 I)
        direct         mean of s_ij over i != j
        det_zero_diag  -det (S - I), the authors' code; see the module's text before you use it

    The matrix and its determinant are in float64: in float32 a determinant of tiny numbers is NaN on some
    builds. The gradient flows into both branches of a pair. One branch alone costs 0; the similarity is one
    of the batch, over all processes (gathered).

    Args:
        form: Which price.
        gamma: See `branch_similarity`.
        distance: See `branch_similarity`.
    """

    highest: Tensor

    def __init__(self, form: Form = "det", gamma: float = 10.0, distance: Distance = "sum") -> None:
        super().__init__()
        self.form = form
        self.gamma = gamma
        self.distance: Distance = distance
        # highest mean similarity since `report_similarity` last asked; -1 if there was none
        self.register_buffer("highest", torch.tensor(-1.0), persistent=False)

    def forward(self, branches: Tensor) -> Tensor:
        """Return the scalar loss of (K, B, *) branches."""
        check_shape(branches, "K B *", "branches")
        dtype = at_least_float32(branches).dtype
        if len(branches) < 2:
            return branches.new_zeros((), dtype=dtype)
        similarity = branch_similarity(branches, self.gamma, self.distance)
        mean = mean_similarity(similarity)
        self.highest = torch.maximum(self.highest, mean.detach().to(self.highest))
        return self._price(similarity, mean).to(dtype)

    def _price(self, similarity: Tensor, mean: Tensor) -> Tensor:
        if self.form == "direct":
            return mean
        identity = torch.eye(len(similarity), dtype=similarity.dtype, device=similarity.device)
        if self.form == "logdet":
            return -torch.linalg.slogdet(similarity + 1e-6 * identity).logabsdet
        matrix = similarity - identity if self.form == "det_zero_diag" else similarity
        return -torch.linalg.det(matrix)


def report_similarity(terms: Mapping[str, DiversityLoss]) -> None:
    """Log each term's highest mean similarity since the last call, warn of those that are inert, forget them.

    Waits for the device, so it is a thing for the start of an epoch, not for a step.

    Args:
        terms: Name -> loss.
    """
    for name, loss in terms.items():
        highest = float(loss.highest)
        loss.highest.fill_(-1.0)
        if highest < 0:
            continue
        logger = logging.getLogger("ferda")
        logger.info("diversity %s: mean similarity of branches at most %.3g", name, highest)
        if highest < INERT:
            logger.warning(
                "The diversity term %s teaches nothing: its branches' mean similarity stayed below %g in the "
                "last epoch. A smaller gamma or distance: mean makes it felt.",
                name,
                INERT,
            )
