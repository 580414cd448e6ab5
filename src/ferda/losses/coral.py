"""Deep CORAL: the features of two domains shall vary together in the same way.

Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV 2016 workshops. Second
moments instead of a kernel; means may differ.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32

CoralDefinition = Literal["paper", "upstream_easezyc"]


class CoralLoss(nn.Module):
    """`L = ||C_s - C_t||_F^2 / (4 D^2)` with `C = sum_i (x_i - mean)(x_i - mean)^T / (n - 1)`.

    The sizes may differ; a single row varies with nothing (C = 0). Statistics of a batch, over all processes
    (gathered).

    Args:
        definition: `"paper"`, or `"upstream_easezyc"`, the often copied code of easezyc/deep-transfer-
            learning: rows are centred over their own features, C lacks 1 / (n - 1), and the loss is
            ||C_s - C_t||_F^2 / (16 D^3); it grows with the square of the batch.
    """

    def __init__(self, definition: CoralDefinition = "paper") -> None:
        super().__init__()
        if definition not in get_args(CoralDefinition):
            raise ValueError(f"definition is one of {', '.join(get_args(CoralDefinition))}, got {definition}")
        self.is_paper = definition == "paper"

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss of (n, D) and (m, D) features."""
        check_shape(source, "B D", "source")
        check_shape(target, "B D", "target", D=source.shape[1])
        with full_precision(source):
            between = self._covariance(source) - self._covariance(target)
        d = source.shape[1]
        return between.square().sum() / (4 * d**2 if self.is_paper else 16 * d**3)

    def _covariance(self, rows: Tensor) -> Tensor:
        rows = at_least_float32(gathered(rows))
        centred = rows - rows.mean(0 if self.is_paper else 1, keepdim=True)
        return centred.T @ centred / (max(len(rows) - 1, 1) if self.is_paper else 1)
